import { metricsRegistry } from '@millrace/runtime';
import { Counter, Gauge, Histogram } from 'prom-client';

/** The worker's metrics. No label has values that a caller can choose. */
export class WorkerMetrics {
  readonly registry = metricsRegistry('worker');
  /** outcomes: those of attempts; `parked`: the tenant holds its share of the slots; `waiting`: another job of the thread runs */
  readonly jobs = new Counter<'outcome'>({
    name: 'millrace_worker_jobs_total',
    help: 'Pick-ups of queue entries, by outcome.',
    labelNames: ['outcome'],
    registers: [this.registry],
  });
  readonly activeJobs = new Gauge({
    name: 'millrace_worker_active_jobs',
    help: 'Jobs running now.',
    registers: [this.registry],
  });
  readonly events = new Counter<'type'>({
    name: 'millrace_worker_events_total',
    help: 'Events that pipelines yielded, before merging, by type.',
    labelNames: ['type'],
    registers: [this.registry],
  });
  readonly tokens = new Counter<'direction'>({
    name: 'millrace_worker_tokens_total',
    help: 'Tokens of all attempts as the models counted them: input or output.',
    labelNames: ['direction'],
    registers: [this.registry],
  });
  readonly retries = new Counter<'code'>({
    name: 'millrace_worker_retries_total',
    help: 'Retried model calls, by the code of the previous failure.',
    labelNames: ['code'],
    registers: [this.registry],
  });
  readonly firstTokenSeconds = new Histogram({
    name: 'millrace_worker_first_token_seconds',
    help: 'From the start of an attempt to its first event.',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64],
    registers: [this.registry],
  });
}
