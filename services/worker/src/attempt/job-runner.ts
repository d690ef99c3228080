import { idOf, type JobRef, tenantOf } from '@millrace/contracts';
import { AttemptFenced, type AttemptStarter, type Begun, type FairQueue, type TenantSlots } from '@millrace/stream-log';
import { Attempt, type AttemptPorts } from './attempt.ts';
import { WorkerStopping } from './attempt-errors.ts';
import type { Outcome } from './metrics.ts';

export interface JobRunnerPorts extends AttemptPorts {
  readonly starter: Pick<AttemptStarter, 'begin' | 'fail'>;
  readonly fairQueue: Pick<FairQueue, 'markStarted' | 'markReleased' | 'retire' | 'freeSlot'>;
  readonly slots: Pick<TenantSlots, 'pickUp'>;
}

/** What became of a pick-up. */
export type Run =
  | { readonly outcome: Outcome }
  /** the tenant has `most` jobs running, all that it may have: the job is to be parked when its queue entry is gone */
  | { readonly outcome: 'parked'; readonly most: number };

/** Runs jobs: what happens between the pick-up of a queue entry and its end. Knows no queue and no LangChain. */
export class JobRunner {
  /** per job, the attempt that runs here now */
  readonly #attempts = new Map<JobRef, Attempt>();

  constructor(readonly ports: JobRunnerPorts) {}

  /** @param ref all that a queue entry carries (law 15)
   *  @param runner unique per pick-up
   *  @param stopping aborted when the worker ends and the job is to go on elsewhere
   *  @throws only what nobody foresaw */
  async run(ref: JobRef, runner: string, stopping: AbortSignal): Promise<Run> {
    const { metrics, slots } = this.ports;
    const slot = await slots.pickUp(ref);
    if (slot.kind === 'full') {
      metrics.jobs.inc({ outcome: 'parked' });
      return { outcome: 'parked', most: slot.most };
    }
    const begun = await this.ports.starter.begin(ref, runner);
    metrics.activeJobs.inc();
    try {
      const outcome = begun.kind === 'begun' ? await this.#attempt(ref, begun, stopping) : await this.#skip(ref, begun);
      metrics.jobs.inc({ outcome });
      return { outcome };
    } finally {
      metrics.activeJobs.dec();
    }
  }

  async #attempt(ref: JobRef, begun: Extract<Begun, { kind: 'begun' }>, stopping: AbortSignal): Promise<Outcome> {
    const { fairQueue } = this.ports;
    const logger = this.ports.logger.child({ requestId: idOf(ref), tenant: tenantOf(ref), attempt: begun.attempt });
    const attempt = new Attempt(idOf(ref), begun, { ...this.ports, logger });
    this.#hint(fairQueue.markStarted(ref));
    const stop = () => attempt.stop(new WorkerStopping());
    // this worker lost the job and took it up again: the cancel watcher looks after the newer attempt only
    this.#attempts.get(ref)?.stop(new AttemptFenced(ref));
    this.#attempts.set(ref, attempt);
    if (stopping.aborted) stop();
    stopping.addEventListener('abort', stop, { once: true });
    try {
      const outcome = await attempt.run();
      if (outcome === 'handed-over' || outcome === 'log-lost') this.#hint(fairQueue.markReleased(ref));
      else if (outcome !== 'fenced') this.#hint(fairQueue.retire({ ref, keptBytes: begun.writer.keptBytes }));
      return outcome;
    } finally {
      stopping.removeEventListener('abort', stop);
      if (this.#attempts.get(ref) === attempt) this.#attempts.delete(ref);
    }
  }

  /** The index is a hint beside the record: nobody waits for it, and a sweep of the API mends what is missing. */
  #hint(written: Promise<void>): void {
    written.catch((error: unknown) => this.ports.logger.debug({ err: error }, 'index not updated'));
  }

  async #skip(ref: JobRef, begun: Exclude<Begun, { kind: 'begun' }>): Promise<Outcome> {
    const { fairQueue, starter } = this.ports;
    const logger = this.ports.logger.child({ requestId: idOf(ref), tenant: tenantOf(ref) });
    if (begun.kind !== 'refused') {
      this.#hint(fairQueue.freeSlot(ref));
      logger.info({ reason: begun.kind }, 'nothing to do');
      return 'void';
    }
    const message =
      begun.reason === 'already-said'
        ? 'The worker was lost after it had begun to answer, and the job asked to fail then.'
        : 'The job has lost its worker too many times.';
    const keptBytes = await starter.fail(ref, { code: 'WORKER_LOST', message, retryable: true });
    this.#hint(fairQueue.retire({ ref, keptBytes }));
    logger.warn({ reason: begun.reason, code: 'WORKER_LOST' }, 'failed');
    return keptBytes === null ? 'void' : 'failed';
  }
}
