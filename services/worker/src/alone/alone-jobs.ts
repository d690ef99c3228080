import { type AttemptHook, type AttemptResult, idOf, tenantOf } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import { aroundAttempt } from '../attempt/around-attempt.ts';
import type { PickUpResult, StopReason } from '../attempt/job-runner.ts';
import type { WorkerMetrics } from '../attempt/metrics.ts';
import { AloneProcess, AloneProcessLost } from './alone-process.ts';
import { addCounts } from './counts.ts';
import type { AloneJob } from './messages.ts';

export interface AloneJobsPorts {
  readonly hooks: readonly AttemptHook[];
  readonly metrics: Pick<
    WorkerMetrics,
    | 'jobs'
    | 'activeJobs'
    | 'countTokens'
    | 'tookOver'
    | 'failed'
    | 'events'
    | 'attempts'
    | 'retries'
    | 'firstTokenSeconds'
  >;
  readonly logger: Logger;
  /** processes at a time */
  readonly maxProcesses: number;
  /** that share them: jobs of one that does not answer hold theirs until it does */
  readonly shards: number;
  /** after which a silent process counts as dead, milliseconds */
  readonly lockMs: number;
}

/** The result of a job that is to run alone. */
export type AloneResult =
  | PickUpResult
  /** all processes are taken: it is to be tried again later */
  | { readonly outcome: 'busy' }
  /** the process was lost, and its attempt with it */
  | { readonly outcome: 'lost' };

/** Runs jobs that may be what ends their workers, each in a process of its own: it can end no job but itself.
 *  @see docs/adr/0038-a-suspect-runs-alone.md */
export class AloneJobs {
  /** with the shard of its job */
  readonly #processes = new Map<AloneProcess, number>();

  constructor(readonly ports: AloneJobsPorts) {}

  /** The worker is about to stop: agents move to another one at their next checkpoint. */
  drain(reason: StopReason): void {
    for (const process of this.#processes.keys()) process.order({ kind: 'drain', reason });
  }

  /** @param stopping aborts when the worker shuts down and the job must continue elsewhere */
  async run(job: AloneJob, stopping: AbortSignal): Promise<AloneResult> {
    const { lockMs, metrics } = this.ports;
    const { ref, shard } = job;
    if (!this.#hasRoom(shard)) return { outcome: 'busy' };
    const logger = this.ports.logger.child({ requestId: idOf(ref), tenant: tenantOf(ref) });
    logger.info('runs alone');
    const process = new AloneProcess({ kind: 'run', ...job }, lockMs, (counts) => addCounts(metrics, counts));
    this.#processes.set(process, shard);
    void process.gone.then(() => this.#processes.delete(process));
    const stop = () => process.order({ kind: 'stop', reason: 'handover' });
    stopping.addEventListener('abort', stop, { once: true });
    if (stopping.aborted) stop();
    metrics.activeJobs.inc();
    try {
      const pickUp = await this.#follow(process, logger);
      metrics.jobs.inc({ outcome: pickUp.outcome });
      return pickUp;
    } catch (error) {
      if (!(error instanceof AloneProcessLost)) throw error;
      logger.warn({ reason: error.reason }, 'lost alone');
      return { outcome: 'lost' };
    } finally {
      metrics.activeJobs.dec();
      stopping.removeEventListener('abort', stop);
    }
  }

  #hasRoom(shard: number): boolean {
    const { maxProcesses, shards } = this.ports;
    const ofShard = [...this.#processes.values()].filter((other) => other === shard).length;
    return this.#processes.size < maxProcesses && ofShard < Math.ceil(maxProcesses / shards);
  }

  /** Runs this worker's hooks around the attempt of another process.
   *  @throws AloneProcessLost */
  async #follow({ began, ended }: AloneProcess, logger: Logger): Promise<PickUpResult> {
    const { hooks, metrics } = this.ports;
    const attempt = await began;
    if (attempt !== null) {
      if (attempt.attempt > 1) metrics.tookOver(attempt);
      const run = async (): Promise<AttemptResult> => (await ended).attempt ?? NOTHING_RAN;
      const onHookError = (error: unknown) => logger.warn({ err: error }, 'attempt hook failed');
      const { usage, code } = await aroundAttempt({ hooks, attempt, run, onHookError });
      metrics.countTokens(attempt, usage);
      if (code !== undefined) metrics.failed(code);
    }
    return (await ended).pickUp;
  }
}

const NOTHING_RAN: AttemptResult = { outcome: 'void', usage: { inputTokens: 0, outputTokens: 0 } };
