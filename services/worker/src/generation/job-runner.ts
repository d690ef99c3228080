import { AttemptFenced, type AttemptStarter, type Begun, type JobIndex } from '@millrace/stream-log';
import { Attempt, type AttemptPorts } from './attempt.ts';
import { WorkerStopping } from './attempt-errors.ts';
import type { Outcome } from './metrics.ts';

export interface JobRunnerPorts extends AttemptPorts {
  readonly starter: Pick<AttemptStarter, 'begin' | 'fail'>;
  readonly index: Pick<JobIndex, 'taken' | 'released' | 'left'>;
}

/** Runs jobs: what happens between the pick-up of a queue entry and its end. Knows no queue and no LangChain. */
export class JobRunner {
  /** per request id, the attempt that runs here now */
  readonly #attempts = new Map<string, Attempt>();

  constructor(readonly ports: JobRunnerPorts) {}

  /** @param id the request id, which is all that a queue entry carries (law 15)
   *  @param runner unique per pick-up
   *  @param stopping aborted when the worker ends and the job is to go on elsewhere
   *  @throws only what nobody foresaw */
  async run(id: string, runner: string, stopping: AbortSignal): Promise<Outcome> {
    const { metrics } = this.ports;
    const begun = await this.ports.starter.begin(id, runner);
    metrics.activeJobs.inc();
    try {
      const outcome = begun.kind === 'begun' ? await this.#attempt(id, begun, stopping) : await this.#skip(id, begun);
      metrics.jobs.inc({ outcome });
      return outcome;
    } finally {
      metrics.activeJobs.dec();
    }
  }

  async #attempt(id: string, begun: Extract<Begun, { kind: 'begun' }>, stopping: AbortSignal): Promise<Outcome> {
    const logger = this.ports.logger.child({ requestId: id, attempt: begun.attempt });
    const attempt = new Attempt(id, begun, { ...this.ports, logger });
    this.#hint(this.ports.index.taken(id));
    const stop = () => attempt.stop(new WorkerStopping());
    // this worker lost the job and took it up again: the cancel watcher looks after the newer attempt only
    this.#attempts.get(id)?.stop(new AttemptFenced(id));
    this.#attempts.set(id, attempt);
    if (stopping.aborted) stop();
    stopping.addEventListener('abort', stop, { once: true });
    try {
      const outcome = await attempt.run();
      if (outcome === 'handed-over' || outcome === 'log-lost') this.#hint(this.ports.index.released(id));
      else if (outcome !== 'fenced') this.#hint(this.ports.index.left({ id, tenant: begun.tenant }));
      return outcome;
    } finally {
      stopping.removeEventListener('abort', stop);
      if (this.#attempts.get(id) === attempt) this.#attempts.delete(id);
    }
  }

  /** The index is a hint beside the record: nobody waits for it, and a sweep of the API mends what is missing. */
  #hint(written: Promise<void>): void {
    written.catch((error: unknown) => this.ports.logger.debug({ err: error }, 'index not updated'));
  }

  async #skip(id: string, begun: Exclude<Begun, { kind: 'begun' }>): Promise<Outcome> {
    const logger = this.ports.logger.child({ requestId: id });
    if (begun.kind !== 'refused') {
      logger.info({ reason: begun.kind }, 'nothing to do');
      return 'void';
    }
    const message =
      begun.reason === 'already-said'
        ? 'The worker was lost after it had begun to answer, and the job asked to fail then.'
        : 'The job has lost its worker too many times.';
    const failed = await this.ports.starter.fail(id, { code: 'WORKER_LOST', message, retryable: true });
    this.#hint(this.ports.index.left({ id, tenant: begun.tenant }));
    logger.warn({ reason: begun.reason, code: 'WORKER_LOST' }, 'failed');
    return failed ? 'failed' : 'void';
  }
}
