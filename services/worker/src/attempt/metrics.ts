import type { AttemptUsage, ModelUsage, StreamErrorCode } from '@millrace/contracts';
import { exemplarOf, metricsRegistry, tracedHistogram } from '@millrace/runtime';
import { type AttemptReason, RecentActivity } from '@millrace/stream-log';
import { Counter, Gauge, Histogram } from 'prom-client';

/** Values of one label: callers may choose the names of models, and issuers those of tenants. */
const MAX_LABEL_VALUES = 200;
const OTHER = 'other';

/** Whose tokens are counted. */
interface TokenOwner {
  readonly tenant: string;
  readonly pipeline: string;
  /** of the job */
  readonly model: string;
}

/** The worker's metrics. The values of every label are bounded in number. */
export class WorkerMetrics {
  readonly #labels = { model: new Set<string>(), tenant: new Set<string>() };

  readonly registry = metricsRegistry('worker');
  /** the last minute, for the console */
  readonly recent = new RecentActivity();
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
  readonly attempts = new Counter<'reason'>({
    name: 'millrace_worker_attempts_total',
    help: 'Attempts, by why they began: first, resume, worker-lost, handover or log-lost.',
    labelNames: ['reason'],
    registers: [this.registry],
  });
  readonly #takeOvers = new Counter({
    name: 'millrace_worker_take_overs_total',
    help: 'Attempts after the first of their job.',
    registers: [this.registry],
  });
  readonly #failures = new Counter<'code'>({
    name: 'millrace_worker_failures_total',
    help: 'Attempts that ended in an error, by its code.',
    labelNames: ['code'],
    registers: [this.registry],
  });
  readonly events = new Counter<'type'>({
    name: 'millrace_worker_events_total',
    help: 'Events that pipelines yielded, before merging, by type.',
    labelNames: ['type'],
    registers: [this.registry],
  });
  /** kinds: `input`, `output`; `estimated`: how many of these no provider has counted */
  readonly tokens: Counter<'kind' | 'model' | 'pipeline' | 'tenant'>;
  readonly retries = new Counter<'code'>({
    name: 'millrace_worker_retries_total',
    help: 'Retried model calls, by the code of the previous failure.',
    labelNames: ['code'],
    registers: [this.registry],
  });
  readonly firstTokenSeconds = tracedHistogram(this.registry, {
    name: 'millrace_worker_first_token_seconds',
    help: 'From the start of an attempt to its first event.',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64],
  });

  readonly tokenGapSeconds = new Histogram({
    name: 'millrace_worker_token_gap_seconds',
    help: 'Between two pieces of text or reasoning of an answer, as they come from the model.',
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers: [this.registry],
  });

  /** @param namesTenants whether tokens are counted by tenant, too */
  constructor(readonly namesTenants = false) {
    this.tokens = new Counter({
      name: 'millrace_worker_tokens_total',
      help: 'Tokens of all attempts that this worker has ended, by kind: input, output, and those of both that are estimates.',
      labelNames: ['kind', 'model', 'pipeline', ...(namesTenants ? (['tenant'] as const) : [])],
      registers: [this.registry],
    });
  }

  /** @param traceId of the recorded trace of the attempt */
  firstToken(seconds: number, traceId?: string): void {
    this.firstTokenSeconds.observe({ value: seconds, ...exemplarOf(traceId) });
  }

  began(reason: AttemptReason): void {
    this.attempts.inc({ reason });
  }

  tookOver(owner: TokenOwner): void {
    this.#takeOvers.inc();
    this.recent.takeOver(owner);
  }

  failed(code: StreamErrorCode): void {
    this.#failures.inc({ code });
  }

  /** @param usage of an attempt; null for none */
  countTokens({ tenant, pipeline, model }: TokenOwner, usage: AttemptUsage | null): void {
    if (usage === null) return;
    const own: ModelUsage = { estimatedTokens: 0, ...usage, model };
    for (const { model: name, inputTokens, outputTokens, estimatedTokens } of usage.models ?? [own]) {
      const labels = {
        ...{ model: this.#bounded('model', name), pipeline },
        ...(this.namesTenants ? { tenant: this.#bounded('tenant', tenant) } : {}),
      };
      this.tokens.inc({ ...labels, kind: 'input' }, inputTokens);
      this.tokens.inc({ ...labels, kind: 'output' }, outputTokens);
      this.tokens.inc({ ...labels, kind: 'estimated' }, estimatedTokens);
    }
  }

  #bounded(label: 'model' | 'tenant', value: string): string {
    const known = this.#labels[label];
    if (known.size < MAX_LABEL_VALUES) known.add(value);
    return known.has(value) ? value : OTHER;
  }
}
