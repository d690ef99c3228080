import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Logger } from '@millrace/runtime';
import {
  type Dimension,
  type Present,
  type ProcessReport,
  QUIET_MS,
  type QuietJob,
  Reporter,
} from '@millrace/stream-log';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import type { JobRunner } from '../attempt/job-runner.ts';
import type { WorkerMetrics } from '../attempt/metrics.ts';
import type { WorkerShard } from '../shards/worker-shard.ts';
import type { JobConsumers } from './job-consumers.ts';

/** The most jobs that a report names. */
const MAX_QUIET = 20;

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

export interface WorkerReporterPorts {
  readonly worker: string;
  readonly shards: readonly Pick<WorkerShard, 'reports' | 'presence'>[];
  readonly runner: Pick<JobRunner, 'attempts'>;
  readonly consumers: Pick<JobConsumers, 'state' | 'slots' | 'setDrained'>;
  readonly metrics: Pick<WorkerMetrics, 'recent'>;
  readonly logger: Logger;
}

/** Tells the service what this worker does, in every shard the same, and does what the worker is told: to take no more jobs, or to take
 *  them again. What a job's own process says (MILLRACE_WORKER_MAX_ALONE) is not in the figures. */
export class WorkerReporter implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #reporters: readonly Reporter[];
  /** of each shard, whether it said last that the worker is to take no jobs */
  readonly #drains: boolean[];
  readonly #startedAt = Date.now();

  constructor(readonly ports: WorkerReporterPorts) {
    const { worker, shards, logger } = ports;
    this.#drains = shards.map(() => false);
    this.#reporters = shards.map(
      ({ reports }, shard) =>
        new Reporter({
          reports,
          process: worker,
          report: () => this.#report(),
          told: ({ order }) => this.#obey(shard, order === 'drain'),
          failed: (error) => logger.debug({ err: error }, 'not reported'),
        }),
    );
  }

  onApplicationBootstrap(): void {
    for (const reporter of this.#reporters) reporter.start();
  }

  beforeApplicationShutdown(): void {
    for (const reporter of this.#reporters) reporter.stop();
  }

  /** It takes no jobs for as long as any shard says so, but for those that are lost: what they said may have been taken back. */
  #obey(teller: number, drains: boolean): void {
    const { shards, consumers, logger } = this.ports;
    this.#drains[teller] = drains;
    const isDrained = shards.some(
      ({ presence }, shard) => this.#drains[shard] && (shard === teller || presence.isThere),
    );
    consumers.setDrained(isDrained).catch((error: unknown) => {
      logger.warn({ err: error }, 'order not carried out');
    });
  }

  #report(): ProcessReport {
    const by: Record<Dimension, Map<string, Present>> = { tenant: new Map(), model: new Map(), pipeline: new Map() };
    const jobs: QuietJob[] = [];
    for (const attempt of this.ports.runner.attempts) {
      const { info, ref } = attempt;
      for (const dimension of ['tenant', 'model', 'pipeline'] as const) {
        const running = (by[dimension].get(info[dimension])?.running ?? 0) + 1;
        by[dimension].set(info[dimension], { running, streams: 0 });
      }
      jobs.push({ ref, pipeline: info.pipeline, model: info.model, attempt: info.attempt, ...attempt.note() });
    }
    const quiet = jobs.filter(({ quietMs }) => quietMs >= QUIET_MS).sort((one, other) => other.quietMs - one.quietMs);
    return {
      ...{ kind: 'worker', version, host: hostname(), startedAt: this.#startedAt },
      ...{ state: this.ports.consumers.state, slots: this.ports.consumers.slots },
      ...this.ports.metrics.recent.summary({ total: { running: jobs.length, streams: 0 }, by }),
      quiet: quiet.slice(0, MAX_QUIET),
    };
  }
}
