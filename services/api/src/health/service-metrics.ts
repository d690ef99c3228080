import type { Logger } from '@millrace/runtime';
import type { ProcessReports, Survey } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { Gauge, Registry } from 'prom-client';
import { LOGGER, PROCESS_REPORTS } from '../tokens.ts';

/** For how long a survey stands, milliseconds: many scrapers cost no more than one. */
const FRESH_MS = 1_000;

/** Metrics of the whole service, read when somebody asks. Every node tells the same: the highest counts, not the sum. */
@Injectable()
export class ServiceMetrics {
  readonly #registry = new Registry();
  readonly #jobs = new Gauge({
    name: 'millrace_open_jobs',
    help: 'Unfinished jobs of the whole service; state: queued or active',
    labelNames: ['state'],
    registers: [this.#registry],
  });
  readonly #oldestWait = new Gauge({
    name: 'millrace_queue_oldest_wait_seconds',
    help: 'How long the first of the queued jobs has waited, of the 5,000 oldest unfinished ones; 0: none waits',
    registers: [this.#registry],
  });
  readonly #slots = new Gauge({
    name: 'millrace_slots',
    help: 'Jobs that all workers together may run at a time, and those that they run; state: all or used',
    labelNames: ['state'],
    registers: [this.#registry],
  });
  readonly #processes = new Gauge({
    name: 'millrace_processes',
    help: 'Processes of the service that were seen within 15 s; kind: api or worker',
    labelNames: ['kind'],
    registers: [this.#registry],
  });
  #text: Promise<string> | null = null;

  constructor(
    @Inject(PROCESS_REPORTS) private readonly reports: ProcessReports,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#registry.setDefaultLabels({ service: 'api' });
  }

  /** @returns the metrics in Prometheus's text format; empty while Redis does not answer */
  text(): Promise<string> {
    if (this.#text !== null) return this.#text;
    this.#text = this.#read();
    setTimeout(() => {
      this.#text = null;
    }, FRESH_MS).unref();
    return this.#text;
  }

  async #read(): Promise<string> {
    try {
      this.#set(await this.reports.survey({ watches: false }));
    } catch (error) {
      this.logger.debug({ err: error }, 'service not surveyed');
      return '';
    }
    return this.#registry.metrics();
  }

  #set({ open, queued, processes, tenants }: Survey): void {
    const workers = processes.filter(({ kind }) => kind === 'worker');
    const sum = (counts: readonly number[]) => counts.reduce((all, count) => all + count, 0);
    this.#jobs.set({ state: 'queued' }, queued);
    this.#jobs.set({ state: 'active' }, Math.max(0, open - queued));
    this.#oldestWait.set(Math.max(0, ...tenants.map(({ oldestWaitMs }) => oldestWaitMs ?? 0)) / 1_000);
    const running = workers.filter(({ state }) => state === 'running');
    this.#slots.set({ state: 'all' }, sum(running.map(({ slots }) => slots)));
    this.#slots.set({ state: 'used' }, sum(workers.map(({ total }) => total.running)));
    this.#processes.set({ kind: 'worker' }, workers.length);
    this.#processes.set({ kind: 'api' }, processes.length - workers.length);
  }
}
