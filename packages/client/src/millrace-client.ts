import { Backoff, pause, type RetryPolicy } from './backoff.ts';
import { Connection } from './connection.ts';
import type { Job, JobFilter, JobPage, NewJob, Pipeline } from './job.ts';
import { JobStream } from './job-stream.ts';
import { newRequestId } from './request-id.ts';
import { type ReadingOptions, type Reconnection, transient } from './resumed-events.ts';
import { ThreadStream } from './thread-stream.ts';
import { Threads } from './threads.ts';
import { type CallOptions, queryOf, Transport, type TransportOptions } from './transport.ts';

export interface MillraceClientOptions extends TransportOptions, Partial<RetryPolicy> {
  /** the server's heartbeat interval, milliseconds (15,000 unless its operator changed it): after three intervals
   *  without a byte, a connection counts as lost */
  readonly heartbeatMs?: number;
}

export interface GetOptions extends CallOptions {
  /** the costly fields to include; only the text when left out */
  readonly include?: readonly ('text' | 'messages')[];
}

export interface WatchOptions extends CallOptions {
  /** called whenever a connection was lost and the client is about to reconnect */
  readonly onReconnect?: (reconnection: Reconnection) => void;
}

export interface CreateOptions extends WatchOptions {
  /** the id of the job, 16 to 64 of `A-Za-z0-9_-`, not all digits; generated when left out */
  readonly requestId?: string;
  /** the same key with the same body is the same job, for as long as the server keeps the key */
  readonly idempotencyKey?: string;
}

/** A client of a Millrace service, for browsers and Node.
 *  @example
 *  const client = new MillraceClient({ baseUrl: 'http://localhost:8080' });
 *  const stream = await client.create({ query: 'Why is the sky blue?' });
 *  for await (const { text } of stream.deltas()) process.stdout.write(text); */
export class MillraceClient {
  /** conversations of several jobs */
  readonly threads: Threads;
  private readonly transport: Transport;
  private readonly policy: RetryPolicy;
  private readonly silenceMs: number;

  constructor(options: MillraceClientOptions) {
    const { retryMs = 1000, maxRetryMs = 15_000, maxFailures = 20, heartbeatMs = 15_000 } = options;
    this.transport = new Transport(options);
    this.threads = new Threads(this.transport);
    this.policy = { retryMs, maxRetryMs, maxFailures };
    this.silenceMs = 3 * heartbeatMs;
  }

  /** Creates a job and resolves as soon as it is accepted. A POST whose answer was lost is repeated with the same
   *  request id, so it cannot create two jobs.
   *  @throws MillraceError
   *  @throws the signal's reason */
  async create(job: NewJob, options: CreateOptions = {}): Promise<JobStream> {
    const id = options.requestId ?? newRequestId();
    const headers: Record<string, string> = { 'content-type': 'application/json', 'x-request-id': id };
    if (options.idempotencyKey !== undefined) headers['idempotency-key'] = options.idempotencyKey;
    const signal = options.signal ?? null;
    const request = { method: 'POST', path: '/jobs', headers, body: JSON.stringify(job), signal } as const;
    const backoff = new Backoff(this.policy);
    for (;;) {
      try {
        const first = await Connection.open(this.transport, request, this.silenceMs);
        // with an idempotency key, the job may be an older one with another id
        return this.stream(first.requestId ?? id, options, { first });
      } catch (error) {
        const cause = transient(error);
        const delayMs = backoff.next(cause);
        options.onReconnect?.({ delayMs, cause });
        await pause(delayMs, signal);
      }
    }
  }

  /** Watches a running or finished job, no matter who created it. Connects when it is read.
   *  @param lastEventId start after this event; from the beginning when left out */
  resume(id: string, lastEventId?: string, options: WatchOptions = {}): JobStream {
    return this.stream(id, options, { lastEventId: lastEventId ?? null });
  }

  /** Watches a thread: everything that happens in it from now on, job after job. Connects when it is read.
   *  @param lastEventId start after this event; from now on when left out, with the whole of the job that runs */
  watchThread(id: string, lastEventId?: string, options: WatchOptions = {}): ThreadStream {
    return new ThreadStream({ ...this.reading(options, lastEventId ?? null), id });
  }

  /** @throws MillraceError `JOB_NOT_FOUND` */
  get(id: string, { signal, include }: GetOptions = {}): Promise<Job> {
    const query = include === undefined ? '' : `?include=${include.join(',')}`;
    return this.transport.json({ method: 'GET', path: jobPath(id) + query, signal: signal ?? null });
  }

  /** One page of the caller's jobs, newest first. */
  list(filter: JobFilter = {}, { signal }: CallOptions = {}): Promise<JobPage> {
    return this.transport.json({ method: 'GET', path: `/jobs${queryOf(filter)}`, signal: signal ?? null });
  }

  /** The pipelines and agents that the service has, with the schemas of what they take. */
  async pipelines({ signal }: CallOptions = {}): Promise<readonly Pipeline[]> {
    const path = '/pipelines';
    const { items } = await this.transport.json<{ items: Pipeline[] }>({ method: 'GET', path, signal: signal ?? null });
    return items;
  }

  /** Cancels a job; cancelling twice is the same as cancelling once.
   *  @returns the cancelled job
   *  @throws MillraceError `JOB_FINISHED`, `JOB_NOT_FOUND` */
  cancel(id: string, { signal }: CallOptions = {}): Promise<Job> {
    return this.transport.json({ method: 'DELETE', path: jobPath(id), signal: signal ?? null });
  }

  private stream(
    id: string,
    options: WatchOptions,
    { first, lastEventId }: { readonly first?: Connection; readonly lastEventId?: string | null },
  ): JobStream {
    return new JobStream({ ...this.reading(options, lastEventId ?? null), id, first: first ?? null });
  }

  private reading({ signal, onReconnect }: WatchOptions, lastEventId: string | null): ReadingOptions {
    return {
      transport: this.transport,
      policy: this.policy,
      silenceMs: this.silenceMs,
      signal: signal ?? null,
      lastEventId,
      onReconnect: onReconnect ?? null,
    };
  }
}

function jobPath(id: string): string {
  return `/jobs/${encodeURIComponent(id)}`;
}
