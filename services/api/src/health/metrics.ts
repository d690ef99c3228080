import type { ReadOutcome } from '@millrace/archive';
import type { ProblemCode } from '@millrace/contracts';
import { exemplarOf, metricsRegistry, tracedHistogram } from '@millrace/runtime';
import { RecentActivity } from '@millrace/stream-log';
import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram } from 'prom-client';

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** The metrics that Prometheus reads at `/metrics`. */
@Injectable()
export class Metrics {
  readonly registry = metricsRegistry('api');
  /** the last minute, for the console */
  readonly recent = new RecentActivity();
  readonly openStreams = new Gauge({
    name: 'millrace_open_streams',
    help: 'Open streams of this node',
    registers: [this.registry],
  });
  readonly #streams = new Counter({
    name: 'millrace_streams_total',
    help: 'Streams attached; resumed: from a cursor',
    labelNames: ['resumed'],
    registers: [this.registry],
  });
  readonly #jobs = new Counter({
    name: 'millrace_jobs_created_total',
    help: 'Jobs recorded and queued by this node',
    labelNames: ['pipeline'],
    registers: [this.registry],
  });
  readonly #events = new Counter({
    name: 'millrace_events_relayed_total',
    help: 'Events written to readers, counted for each reader',
    registers: [this.registry],
  });
  readonly #bytes = new Counter({
    name: 'millrace_bytes_relayed_total',
    help: 'Bytes of events written to readers',
    registers: [this.registry],
  });
  readonly #authFailures = new Counter({
    name: 'millrace_auth_failures_total',
    help: 'Requests without a valid key; reason: wrong or missing',
    labelNames: ['reason'],
    registers: [this.registry],
  });
  readonly #problems = new Counter({
    name: 'millrace_problems_total',
    help: 'Requests answered with an error, by its code (PROTOCOL.md §7)',
    labelNames: ['code'],
    registers: [this.registry],
  });
  readonly #localCounts = new Counter({
    name: 'millrace_requests_counted_locally_total',
    help: 'Requests that this node counted alone for the limit of a minute, because Redis did not',
    registers: [this.registry],
  });
  readonly #dropped = new Counter({
    name: 'millrace_connections_dropped_total',
    help: 'Connections closed; reason: limit reached (taken), silent, or closed without a request to make room',
    labelNames: ['reason'],
    registers: [this.registry],
  });
  readonly #archiveReads = new Counter({
    name: 'millrace_archive_reads_total',
    help: 'Jobs that were looked for in the archive; outcome: thawed, unknown, refused (too many, or too large) or failed',
    labelNames: ['outcome'],
    registers: [this.registry],
  });
  readonly #firstToken = tracedHistogram(this.registry, {
    name: 'millrace_stream_first_token_seconds',
    help: 'Time from attaching a stream to its first text',
    buckets: SECONDS,
  });
  readonly #watchLag = new Histogram({
    name: 'millrace_watch_lag_seconds',
    help: 'Time from storing events to writing them to the last of the readers that wait for them, once for each publish',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [this.registry],
  });
  readonly #requests = new Histogram({
    name: 'millrace_request_duration_seconds',
    help: 'Duration of requests, without streams',
    labelNames: ['method', 'route', 'status'],
    buckets: SECONDS,
    registers: [this.registry],
  });

  constructor() {
    // so that the first one is seen as a change
    for (const outcome of ['thawed', 'unknown', 'refused', 'failed'] as const) this.#archiveReads.inc({ outcome }, 0);
  }

  streamOpened(resumed: boolean): void {
    this.#streams.inc({ resumed: String(resumed) });
  }

  jobCreated(pipeline: string): void {
    this.#jobs.inc({ pipeline });
  }

  relayed(events: number, bytes: number): void {
    this.#events.inc(events);
    this.#bytes.inc(bytes);
  }

  authFailed(reason: 'wrong' | 'missing'): void {
    this.#authFailures.inc({ reason });
  }

  answeredWith(problem: ProblemCode): void {
    this.#problems.inc({ code: problem });
  }

  countedLocally(): void {
    this.#localCounts.inc();
  }

  connectionDropped(reason: 'taken' | 'silent' | 'room'): void {
    this.#dropped.inc({ reason });
  }

  archiveAsked(outcome: ReadOutcome): void {
    this.#archiveReads.inc({ outcome });
  }

  /** @param traceId of the recorded trace that the stream belongs to */
  firstToken(durationMs: number, traceId?: string): void {
    this.#firstToken.observe({ value: durationMs / 1000, ...exemplarOf(traceId) });
  }

  /** Readers have been given what was stored before this time. Two clocks are compared: see redis-clock.ts.
   *  @param lagMs may be a little below 0 */
  given(lagMs: number): void {
    this.#watchLag.observe(Math.max(0, lagMs) / 1_000);
  }

  /** @param tenant of the caller; undefined for a stranger */
  refused(tenant: string | undefined, status: 429 | 503): void {
    this.recent.refused(tenant === undefined ? {} : { tenant }, status);
  }

  /** @param route the pattern, not the path, which has unbounded values */
  answered(method: string, route: string, status: number, durationMs: number): void {
    this.#requests.observe({ method, route, status }, durationMs / 1000);
  }
}
