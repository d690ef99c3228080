import { type AttemptHook, type AttemptOutcome, idOf, type JobRef, tenantOf } from '@millrace/contracts';
import { AttemptFenced, type AttemptStarter, type Begun, type FairQueue, type TenantSlots } from '@millrace/stream-log';
import { aroundAttempt } from './around-attempt.ts';
import { Attempt, type AttemptPorts } from './attempt.ts';
import { WorkerStopping } from './attempt-errors.ts';

export interface JobRunnerPorts extends AttemptPorts {
  readonly hooks: readonly AttemptHook[];
  readonly starter: Pick<AttemptStarter, 'begin' | 'fail'>;
  readonly fairQueue: Pick<FairQueue, 'markStarted' | 'markReleased' | 'retire' | 'freeSlot'>;
  readonly slots: Pick<TenantSlots, 'pickUp'>;
}

/** The result of picking up a queue entry. */
export type PickUpResult =
  | { readonly outcome: AttemptOutcome }
  /** the tenant runs `maxSlots` jobs, its maximum: park the job once its queue entry is gone */
  | { readonly outcome: 'parked'; readonly maxSlots: number };

/** Runs jobs, from the pick-up of a queue entry to its end. Knows neither the queue nor LangChain. */
export class JobRunner {
  /** per job, the attempt that runs in this process */
  readonly #attempts = new Map<JobRef, Attempt>();

  constructor(readonly ports: JobRunnerPorts) {}

  /** @param ref the whole content of a queue entry (law 15)
   *  @param leaseToken unique per pick-up
   *  @param stopping aborts when the worker shuts down and the job must continue elsewhere
   *  @throws only unexpected errors */
  async run(ref: JobRef, leaseToken: string, stopping: AbortSignal): Promise<PickUpResult> {
    const { metrics, slots } = this.ports;
    const slot = await slots.pickUp(ref);
    if (slot.kind === 'full') {
      metrics.jobs.inc({ outcome: 'parked' });
      return { outcome: 'parked', maxSlots: slot.maxSlots };
    }
    const begun = await this.ports.starter.begin(ref, leaseToken);
    metrics.activeJobs.inc();
    try {
      const outcome = begun.kind === 'begun' ? await this.#attempt(ref, begun, stopping) : await this.#skip(ref, begun);
      metrics.jobs.inc({ outcome });
      return { outcome };
    } finally {
      metrics.activeJobs.dec();
    }
  }

  async #attempt(
    ref: JobRef,
    begun: Extract<Begun, { kind: 'begun' }>,
    stopping: AbortSignal,
  ): Promise<AttemptOutcome> {
    const { fairQueue, hooks } = this.ports;
    const logger = this.ports.logger.child({ requestId: idOf(ref), tenant: tenantOf(ref), attempt: begun.attempt });
    const attempt = new Attempt(ref, begun, { ...this.ports, logger });
    this.#hint(fairQueue.markStarted(ref));
    const stop = () => attempt.stop(new WorkerStopping());
    // this worker lost the job and picked it up again: the cancel listener knows only the newer attempt
    this.#attempts.get(ref)?.stop(new AttemptFenced(ref));
    this.#attempts.set(ref, attempt);
    if (stopping.aborted) stop();
    stopping.addEventListener('abort', stop, { once: true });
    try {
      const { outcome } = await aroundAttempt({
        hooks,
        attempt: attempt.info,
        run: () => attempt.run(),
        onHookError: (error) => logger.warn({ err: error }, 'attempt hook failed'),
      });
      if (outcome === 'handed-over' || outcome === 'log-lost') this.#hint(fairQueue.markReleased(ref));
      else if (outcome !== 'fenced') this.#hint(fairQueue.retire({ ref, keptBytes: begun.writer.keptBytes }));
      return outcome;
    } finally {
      stopping.removeEventListener('abort', stop);
      if (this.#attempts.get(ref) === attempt) this.#attempts.delete(ref);
    }
  }

  /** The registry is a hint beside the record: nothing waits for it, and the API's sweep repairs it. */
  #hint(written: Promise<void>): void {
    written.catch((error: unknown) => this.ports.logger.debug({ err: error }, 'registry not updated'));
  }

  async #skip(ref: JobRef, begun: Exclude<Begun, { kind: 'begun' }>): Promise<AttemptOutcome> {
    const { fairQueue, starter } = this.ports;
    const logger = this.ports.logger.child({ requestId: idOf(ref), tenant: tenantOf(ref) });
    if (begun.kind !== 'refused') {
      this.#hint(fairQueue.freeSlot(ref));
      logger.info({ reason: begun.kind }, 'nothing to do');
      return 'void';
    }
    const message =
      begun.reason === 'has-output'
        ? 'The worker was lost after the answer had begun, and the job asked to fail in that case.'
        : 'The job has lost its worker too many times.';
    const keptBytes = await starter.fail(ref, { code: 'WORKER_LOST', message, retryable: true });
    this.#hint(fairQueue.retire({ ref, keptBytes }));
    logger.warn({ reason: begun.reason, code: 'WORKER_LOST' }, 'failed');
    return keptBytes === null ? 'void' : 'failed';
  }
}
