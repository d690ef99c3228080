import { Backoff, pause, type RetryPolicy } from './backoff.ts';
import { Connection } from './connection.ts';
import type { Job, JobFilter, JobPage, NewJob } from './job.ts';
import { JobStream, type Reconnection, transient } from './job-stream.ts';
import { newRequestId } from './request-id.ts';
import { Transport, type TransportOptions } from './transport.ts';

export interface MillraceClientOptions extends TransportOptions, Partial<RetryPolicy> {
  /** the server's heartbeat, milliseconds (15,000 unless its operator changed it): after three of them without a
   *  byte, a connection is taken for lost */
  readonly heartbeatMs?: number;
}

export interface CallOptions {
  /** stops the call; it never cancels a job */
  readonly signal?: AbortSignal;
}

export interface GetOptions extends CallOptions {
  /** the costly fields to have; the text alone when left out */
  readonly include?: readonly ('text' | 'messages')[];
}

export interface WatchOptions extends CallOptions {
  /** told whenever a connection was lost and is about to be taken up again */
  readonly onReconnect?: (reconnection: Reconnection) => void;
}

export interface CreateOptions extends WatchOptions {
  /** the id of the job, 16 to 64 of `A-Za-z0-9_-`, not all digits; made here when left out */
  readonly requestId?: string;
  /** the same key with the same body is the same job, for as long as the server keeps it */
  readonly idempotencyKey?: string;
}

/** Speaks to a Millrace service, from a browser or from Node.
 *  @example
 *  const client = new MillraceClient({ baseUrl: 'http://localhost:8080' });
 *  const stream = await client.create({ query: 'Why is the sky blue?' });
 *  for await (const { text } of stream.deltas()) process.stdout.write(text); */
export class MillraceClient {
  private readonly transport: Transport;
  private readonly policy: RetryPolicy;
  private readonly silenceMs: number;

  constructor(options: MillraceClientOptions) {
    const { retryMs = 1000, maxRetryMs = 15_000, maxFailures = 20, heartbeatMs = 15_000 } = options;
    this.transport = new Transport(options);
    this.policy = { retryMs, maxRetryMs, maxFailures };
    this.silenceMs = 3 * heartbeatMs;
  }

  /** Makes a job and resolves as soon as it is accepted. A POST whose answer was lost is repeated under the same
   *  request id, so it cannot make two jobs.
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
        // with an idempotency key the job may be an older one, under another id
        return this.stream(first.requestId ?? id, options, { first });
      } catch (error) {
        const cause = transient(error);
        const delayMs = backoff.next(cause);
        options.onReconnect?.({ delayMs, cause });
        await pause(delayMs, signal);
      }
    }
  }

  /** Watches a job, running or finished, made by whomever. It connects when it is read.
   *  @param lastEventId start after this event; from the beginning when left out */
  resume(id: string, lastEventId?: string, options: WatchOptions = {}): JobStream {
    return this.stream(id, options, { lastEventId: lastEventId ?? null });
  }

  /** @throws MillraceError `JOB_NOT_FOUND` */
  get(id: string, { signal, include }: GetOptions = {}): Promise<Job> {
    const query = include === undefined ? '' : `?include=${include.join(',')}`;
    return this.transport.json({ method: 'GET', path: jobPath(id) + query, signal: signal ?? null });
  }

  /** One page of the caller's jobs, newest first. */
  list(filter: JobFilter = {}, { signal }: CallOptions = {}): Promise<JobPage> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(filter)) if (value !== undefined) query.set(name, String(value));
    const path = query.size > 0 ? `/jobs?${query}` : '/jobs';
    return this.transport.json({ method: 'GET', path, signal: signal ?? null });
  }

  /** Cancels a job; cancelling it twice is the same as once.
   *  @returns the job, as cancelled
   *  @throws MillraceError `JOB_FINISHED`, `JOB_NOT_FOUND` */
  cancel(id: string, { signal }: CallOptions = {}): Promise<Job> {
    return this.transport.json({ method: 'DELETE', path: jobPath(id), signal: signal ?? null });
  }

  private stream(
    id: string,
    { signal, onReconnect }: WatchOptions,
    from: { readonly first?: Connection; readonly lastEventId?: string | null },
  ): JobStream {
    return new JobStream({
      transport: this.transport,
      id,
      policy: this.policy,
      silenceMs: this.silenceMs,
      signal: signal ?? null,
      lastEventId: from.lastEventId ?? null,
      onReconnect: onReconnect ?? null,
      first: from.first ?? null,
    });
  }
}

function jobPath(id: string): string {
  return `/jobs/${encodeURIComponent(id)}`;
}
