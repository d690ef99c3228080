import { setTimeout as delay } from 'node:timers/promises';
import type { ArchivedBatch, Archiver } from '@millrace/archive';
import type { Logger } from '@millrace/runtime';
import type { ErasedCopies, KeySpace, UnarchivedJobs } from '@millrace/stream-log';
import { closedUnlessLost } from '../shards/closed-unless-lost.ts';
import type { WorkerShard } from '../shards/worker-shard.ts';
import type { ArchiveMetrics } from './archive-metrics.ts';

/** How long to wait when there is nothing to do, milliseconds, with jitter, and after failures in a row. */
const IDLE_MS = 1_000;
const MAX_PAUSE_MS = 30_000;
/** How often the backlog is counted, milliseconds. */
const COUNT_MS = 5_000;
/** How often one of all workers looks for what has been in the archive for long enough, milliseconds. */
const PURGE_MS = 600_000;

export interface ArchiveWriterPorts {
  readonly archiver: Pick<Archiver, 'run' | 'finishErasures' | 'purge'>;
  readonly unarchived: Pick<UnarchivedJobs, 'backlog'>;
  readonly erasedCopies: Pick<ErasedCopies, 'count'>;
  readonly metrics: ArchiveMetrics;
  readonly shard: Pick<WorkerShard, 'index' | 'commands' | 'presence'>;
  readonly keys: Pick<KeySpace, 'archivePurged'>;
  /** how long the archive keeps a job after its end, milliseconds; 0: for ever, or another writer looks for what is older */
  readonly keptMs: number;
  readonly logger: Logger;
}

/** Keeps writing the ended jobs of one shard to the archive for as long as the worker runs, beside its jobs. */
export class ArchiveWriter {
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** what has been in the archive for long enough is just being erased, which takes as long as it takes; null: it is not */
  #purging: Promise<void> | null = null;
  #countedAt = Number.NEGATIVE_INFINITY;
  /** failures in a row */
  #failures = 0;

  constructor(private readonly ports: ArchiveWriterPorts) {}

  start(): void {
    this.#running = this.#run();
  }

  /** Lets the writes that are under way end. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await closedUnlessLost(Promise.all([this.#running, this.#purging]), [this.ports.shard.presence]);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const { isFull, hasFailed } = await this.#step();
      this.#failures = hasFailed ? this.#failures + 1 : 0;
      if (isFull && !hasFailed) continue;
      const pauseMs = Math.min(IDLE_MS * 2 ** Math.min(this.#failures, 10), MAX_PAUSE_MS);
      await delay(pauseMs * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
    }
  }

  async #step(): Promise<ArchivedBatch> {
    const { archiver, logger } = this.ports;
    const { signal } = this.#stop;
    try {
      await this.#count();
      const batch = await archiver.run(signal);
      if (batch.hasFailed) return batch;
      await archiver.finishErasures(signal);
      this.#purging ??= this.#purge().finally(() => {
        this.#purging = null;
      });
      return batch;
    } catch (error) {
      logger.debug({ err: error }, 'archive not written');
      return { isFull: false, hasFailed: true };
    }
  }

  async #count(): Promise<void> {
    if (performance.now() - this.#countedAt < COUNT_MS) return;
    const { shard, unarchived, erasedCopies, metrics } = this.ports;
    const [backlog, erasures] = await Promise.all([unarchived.backlog(), erasedCopies.count()]);
    metrics.tell(shard.index, { ...backlog, erasures });
    this.#countedAt = performance.now();
  }

  async #purge(): Promise<void> {
    const { keptMs, archiver, metrics, shard, keys, logger } = this.ports;
    if (keptMs === 0) return;
    try {
      const isFirst = await shard.commands.set(keys.archivePurged, '1', 'PX', PURGE_MS, 'NX');
      if (isFirst === null) return;
      const jobs = await archiver.purge(keptMs, this.#stop.signal);
      metrics.purged(jobs);
      if (jobs > 0) logger.info({ jobs }, 'purged from the archive');
    } catch (error) {
      logger.debug({ err: error }, 'archive not purged');
    }
  }
}
