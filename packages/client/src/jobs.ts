import { Backoff, pause } from './backoff.ts';
import { Connection } from './connection.ts';
import { RequestRefused } from './errors.ts';
import type { Job } from './job.ts';
import type { JobFilter, JobPage, JobView, NewJob } from './job-view.ts';
import type { JobReference, JobStart, PlainJob } from './plain-job.ts';
import { type OwnRequestId, ownRequestId } from './request-id.ts';
import { type Link, transient, type WatchOptions } from './resumed-events.ts';
import { type CallOptions, type Request, withQuery } from './transport.ts';

export interface CreateOptions extends WatchOptions {
  /** the id of the job, 16 to 64 of `A-Za-z0-9_-`, not all digits; generated when left out. Only one that was
   *  generated gives way to another where one of several Redis has no room, or is away */
  readonly requestId?: string | OwnRequestId;
  /** the same key with the same body is the same job, for as long as the server keeps the key */
  readonly idempotencyKey?: string;
}

/** The jobs of a service: `millrace.jobs`. */
export class Jobs<J extends PlainJob = Job> {
  /** @param Handle what a page does not use of a job, it need not load */
  constructor(
    private readonly link: Link,
    private readonly Handle: new (link: Link, start: JobStart) => J,
  ) {}

  /** Creates a job and resolves as soon as it is accepted, with its stream open. A POST whose answer was lost is repeated with the
   *  same request id, so it cannot create two jobs.
   *  @throws MillraceError
   *  @throws the signal's reason */
  create(job: NewJob, options: CreateOptions = {}): Promise<J> {
    return this.post(job, options, async (request, id) => {
      const first = await Connection.open(this.link.transport, request, this.link.silenceMs);
      // with an idempotency key, the job may be an older one with another id
      return new this.Handle(this.link, { id: first.requestId ?? id, lastEventId: null, first, watch: options });
    });
  }

  /** Creates a job without a stream: somebody else watches it, or its thread is watched.
   *  @throws like `create` */
  submit(job: NewJob, options: CreateOptions = {}): Promise<JobView> {
    return this.post(job, options, (request) => this.link.transport.json<JobView>(request));
  }

  /** A job that exists, no matter who created it. Nothing is sent until it is used.
   *  @param job its id, to read it from the beginning, or what its `toJSON` gave, to go on after the last event */
  resume(job: string | JobReference, options: WatchOptions = {}): J {
    const { id, lastEventId } = typeof job === 'string' ? { id: job, lastEventId: null } : job;
    return new this.Handle(this.link, { id, lastEventId, watch: options });
  }

  /** One page of the caller's jobs, newest first. */
  list(filter: JobFilter = {}, { signal }: CallOptions = {}): Promise<JobPage> {
    return this.link.transport.json({ method: 'GET', path: withQuery('/jobs', filter), signal });
  }

  private async post<T>(
    body: NewJob,
    { signal, requestId = ownRequestId(), idempotencyKey, onReconnect }: CreateOptions,
    send: (request: Request, id: string) => Promise<T>,
  ): Promise<T> {
    const id = typeof requestId === 'string' ? { value: requestId, mayExist: true } : requestId;
    const headers: Record<string, string> = {};
    if (idempotencyKey !== undefined) headers['idempotency-key'] = idempotencyKey;
    const backoff = new Backoff(this.link.policy);
    // to be tried before the next pause
    let otherIds: string[] | undefined;
    for (;;) {
      const isUnused = !id.mayExist;
      id.mayExist = true;
      headers['x-request-id'] = id.value;
      try {
        return await send({ method: 'POST', path: '/jobs', headers, body, signal }, id.value);
      } catch (error) {
        // after any other end of a try there may be a job, and a second id would make a second one
        if (isUnused && error instanceof RequestRefused && error.otherIds.length > 0) {
          id.mayExist = false;
          otherIds ??= [...error.otherIds];
          const next = otherIds.shift();
          if (next !== undefined) {
            id.value = next;
            continue;
          }
          otherIds = undefined;
        }
        const cause = transient(error);
        const delayMs = backoff.next(cause);
        onReconnect?.({ delayMs, cause });
        await pause(delayMs, signal ?? null);
      }
    }
  }
}
