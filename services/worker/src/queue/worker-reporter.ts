import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Logger } from '@millrace/runtime';
import {
  type Dimension,
  type Present,
  type ProcessReport,
  type ProcessReports,
  type QuietJob,
  Reporter,
} from '@millrace/stream-log';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import type { JobRunner } from '../attempt/job-runner.ts';
import type { WorkerMetrics } from '../attempt/metrics.ts';
import type { JobConsumer } from './job-consumer.ts';
import type { SlotAnnouncer } from './slot-announcer.ts';

/** The most jobs that a report names. */
const MAX_QUIET = 20;

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

export interface WorkerReporterPorts {
  readonly worker: string;
  readonly reports: ProcessReports;
  readonly runner: Pick<JobRunner, 'attempts'>;
  readonly consumer: Pick<JobConsumer, 'state' | 'setDrained'>;
  readonly slots: Pick<SlotAnnouncer, 'count' | 'setDrained'>;
  readonly metrics: Pick<WorkerMetrics, 'recent'>;
  readonly logger: Logger;
}

/** Tells the service what this worker does, and does what the worker is told: to take no more jobs, or to take them again.
 *  What a job's own process says (MILLRACE_WORKER_MAX_ALONE) is not in the figures. */
export class WorkerReporter implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #reporter: Reporter;
  readonly #startedAt = Date.now();

  constructor(readonly ports: WorkerReporterPorts) {
    const { worker, reports, logger } = ports;
    this.#reporter = new Reporter({
      reports,
      process: worker,
      report: () => this.#report(),
      told: ({ order }) => this.#obey(order === 'drain'),
      failed: (error) => logger.debug({ err: error }, 'not reported'),
    });
  }

  onApplicationBootstrap(): void {
    this.#reporter.start();
  }

  beforeApplicationShutdown(): void {
    this.#reporter.stop();
  }

  #obey(drained: boolean): void {
    const { consumer, slots, logger } = this.ports;
    Promise.all([consumer.setDrained(drained), slots.setDrained(drained)]).catch((error: unknown) => {
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
    const quiet = jobs.sort((one, other) => other.quietMs - one.quietMs).slice(0, MAX_QUIET);
    return {
      ...{ kind: 'worker', version, host: hostname(), startedAt: this.#startedAt },
      ...{ state: this.ports.consumer.state, slots: this.ports.slots.count },
      ...this.ports.metrics.recent.summary({ total: { running: jobs.length, streams: 0 }, by }),
      quiet,
    };
  }
}
