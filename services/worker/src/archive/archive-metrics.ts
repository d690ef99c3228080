import type { ArchiveKind, ArchiveOutcome } from '@millrace/archive';
import type { ArchiveBacklog } from '@millrace/stream-log';
import { Counter, Gauge, type Registry } from 'prom-client';

/** What is still to be done in a shard, as it was counted last. */
interface Remaining extends ArchiveBacklog {
  readonly erasures: number;
}

/** What the writing to the archive is measured by. Of the backlog every worker tells the same: the highest counts, not the sum. */
export class ArchiveMetrics {
  readonly #jobs: Counter<'store' | 'outcome'>;
  readonly #backlog: Gauge;
  readonly #oldestWait: Gauge;
  readonly #erasures: Gauge;
  readonly #purged: Counter;
  /** by shard */
  readonly #remaining = new Map<number, Remaining>();

  constructor(
    registry: Registry,
    readonly store: ArchiveKind,
  ) {
    const registers = [registry];
    this.#jobs = new Counter({
      name: 'millrace_archive_jobs_total',
      help: 'Ended jobs that this worker has taken to write them to the archive; outcome: written, failed, missing or erased',
      labelNames: ['store', 'outcome'],
      registers,
    });
    this.#backlog = new Gauge({
      name: 'millrace_archive_backlog_jobs',
      help: 'Ended jobs of the whole service that are still to be written to the archive',
      registers,
    });
    this.#oldestWait = new Gauge({
      name: 'millrace_archive_oldest_wait_seconds',
      help: 'How long the first of these has waited since its end; 0: none waits',
      registers,
    });
    this.#erasures = new Gauge({
      name: 'millrace_archive_erasures_pending',
      help: 'Erased jobs and tenants of which the archive may still have a copy, which nobody can read',
      registers,
    });
    this.#purged = new Counter({
      name: 'millrace_archive_purged_jobs_total',
      help: 'Jobs that this worker has erased from the archive because they had been there for long enough',
      registers,
    });
    for (const outcome of ['written', 'failed', 'missing', 'erased'] as const) this.#jobs.inc({ store, outcome }, 0);
  }

  count(outcome: ArchiveOutcome): void {
    this.#jobs.inc({ store: this.store, outcome });
  }

  purged(jobs: number): void {
    this.#purged.inc(jobs);
  }

  tell(shard: number, remaining: Remaining): void {
    this.#remaining.set(shard, remaining);
    const all = [...this.#remaining.values()];
    this.#backlog.set(all.reduce((sum, { jobs }) => sum + jobs, 0));
    this.#oldestWait.set(Math.max(...all.map(({ oldestWaitMs }) => oldestWaitMs)) / 1_000);
    this.#erasures.set(all.reduce((sum, { erasures }) => sum + erasures, 0));
  }
}
