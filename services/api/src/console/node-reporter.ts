import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Logger } from '@millrace/runtime';
import { type Present, type ProcessReport, type ProcessReports, Reporter } from '@millrace/stream-log';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Metrics } from '../health/metrics.ts';
import { Readiness } from '../health/readiness.ts';
import { StreamQuota } from '../quota/stream-quota.ts';
import { LOGGER, PROCESS_REPORTS } from '../tokens.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Tells the other nodes what this one alone knows: its streams, and whom it refused. */
@Injectable()
export class NodeReporter implements OnApplicationBootstrap, OnApplicationShutdown {
  /** the id of this node, another one after a restart */
  readonly node = randomUUID();
  readonly #startedAt = Date.now();
  readonly #reporter: Reporter;

  constructor(
    @Inject(PROCESS_REPORTS) reports: ProcessReports,
    @Inject(StreamQuota) private readonly streams: StreamQuota,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(Readiness) private readonly readiness: Readiness,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.#reporter = new Reporter({
      reports,
      process: this.node,
      report: () => this.#report(),
      failed: (error) => logger.debug({ err: error }, 'not reported'),
    });
  }

  onApplicationBootstrap(): void {
    this.#reporter.start();
  }

  onApplicationShutdown(): void {
    this.#reporter.stop();
  }

  #report(): ProcessReport {
    const tenant = new Map<string, Present>();
    let streams = 0;
    for (const [name, held] of this.streams.openStreams) {
      tenant.set(name, { running: 0, streams: held });
      streams += held;
    }
    return {
      ...{ kind: 'api', version, host: hostname(), startedAt: this.#startedAt, slots: 0, quiet: [] },
      state: this.readiness.drainSignal.aborted ? 'stopping' : 'running',
      ...this.metrics.recent.summary({ total: { running: 0, streams }, by: { tenant } }),
    };
  }
}
