import { DAY_SECONDS, type ProblemCode } from '@millrace/contracts';
import { limitReached } from './rate-limit.ts';

/** One fault in a request; `pointer` is a JSON pointer into the body, RFC 6901. */
export interface FieldError {
  readonly pointer: string;
  readonly detail: string;
}

/** The status and title of each code. @see PROTOCOL.md §7 */
export const PROBLEMS: Readonly<Record<ProblemCode, { readonly status: number; readonly title: string }>> = {
  INVALID_REQUEST: { status: 400, title: 'The request is invalid' },
  INVALID_CURSOR: { status: 400, title: 'The cursor is malformed' },
  UNAUTHENTICATED: { status: 401, title: 'A valid key is needed' },
  FORBIDDEN: { status: 403, title: 'The caller may not do this' },
  JOB_NOT_FOUND: { status: 404, title: 'There is no such job' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'This path has other methods' },
  AMBIGUOUS_ID: { status: 409, title: 'Several tenants have this id' },
  HOST_NOT_ALLOWED: { status: 421, title: 'The service is not known by this name' },
  JOB_RUNNING: { status: 409, title: 'The job has not ended' },
  JOB_FINISHED: { status: 409, title: 'The job has finished' },
  THREAD_NOT_FOUND: { status: 404, title: 'There is no such thread' },
  THREAD_BUSY: { status: 409, title: 'Another job of the thread is running' },
  THREAD_EXISTS: { status: 409, title: 'There is such a thread already' },
  NOT_INTERRUPTED: { status: 409, title: 'The thread waits for no answer' },
  LOG_EXPIRED: { status: 410, title: 'The log of the job has expired' },
  PAYLOAD_TOO_LARGE: { status: 413, title: 'The body is too large' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'The body must be application/json' },
  UNKNOWN_PIPELINE: { status: 422, title: 'There is no such pipeline' },
  INVALID_INPUT: { status: 422, title: 'The agent takes another input' },
  MODEL_NOT_ALLOWED: { status: 422, title: 'The model is not allowed' },
  IDEMPOTENCY_MISMATCH: { status: 422, title: 'The id stands for another request' },
  RATE_LIMITED: { status: 429, title: 'Too much at once' },
  QUOTA_EXCEEDED: { status: 429, title: 'The quota of the tenant is used up' },
  QUEUE_FULL: { status: 503, title: 'The queue is full' },
  UNAVAILABLE: { status: 503, title: 'The service is unavailable' },
  INTERNAL: { status: 500, title: 'Something went wrong in the service' },
};

interface ProblemOptions {
  readonly errors?: readonly FieldError[];
  /** ids of a job, under which the same request may be accepted at once */
  readonly otherIds?: readonly string[];
  /** of a limit: what is used in all Redis was counted, so that another one would refuse as well */
  readonly everywhere?: boolean;
  /** overrides the status of the code, for HTTP failures without a code of their own */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that failed, for a reason that the caller may know. The detail never holds a prompt, key or stack. */
export class Problem extends Error {
  constructor(
    readonly code: ProblemCode,
    readonly detail: string,
    readonly options: ProblemOptions = {},
  ) {
    super(detail);
    this.name = new.target.name;
  }

  get status(): number {
    return this.options.status ?? PROBLEMS[this.code].status;
  }
}

/** One of several Redis refuses a new job of the client's id, and nothing of the job is stored: another one may take it.
 *  @see PROTOCOL.md §7 */
export class RefusedByShard extends Problem {
  /** @param otherIds that lead to others */
  constructor({ code, detail, options, cause }: Problem, otherIds: readonly string[]) {
    super(code, detail, { ...options, otherIds });
    this.cause = cause;
  }
}

export class InvalidRequest extends Problem {
  constructor(detail: string, errors?: readonly FieldError[]) {
    super('INVALID_REQUEST', detail, errors === undefined ? {} : { errors });
  }
}

/** The id that a client chose is of the form of the service's own, and names a Redis that the service does not have (yet). */
export class IdOfAbsentShard extends InvalidRequest {
  constructor(shard: number) {
    super(
      `The request id ends in "-s${shard}", as ids of the service's own do; it has no Redis of this number: choose another id.`,
    );
  }
}

export class InvalidCursor extends Problem {
  constructor() {
    super('INVALID_CURSOR', 'This service did not issue the cursor.');
  }
}

export class Unauthenticated extends Problem {
  constructor() {
    super('UNAUTHENTICATED', 'Send one valid key or token, as "Authorization: Bearer …" or "x-api-key: …".', {
      headers: { 'WWW-Authenticate': 'Bearer realm="millrace"' },
    });
  }
}

export class Forbidden extends Problem {
  /** @param permission what the caller lacks */
  constructor(permission: string) {
    super('FORBIDDEN', `This needs the permission ${permission}.`);
  }
}

/** The credential is for certain jobs and threads, and this is not one of them. */
export class OutOfScope extends Problem {
  constructor(detail: string) {
    super('FORBIDDEN', detail);
  }
}

/** Somebody at the address guesses credentials. */
export class TooManyWrongTries extends Problem {
  /** @param waitMs until the address may try again */
  constructor(waitMs: number) {
    super('RATE_LIMITED', 'Too many wrong credentials came from your address; wait, then send a valid one.', {
      headers: { 'Retry-After': String(Math.max(1, Math.ceil(waitMs / 1_000))) },
    });
  }
}

/** The tenant has revoked as many tokens within a day as it may. */
export class TooManyRevocations extends Problem {
  constructor(max: number) {
    super('RATE_LIMITED', `You have revoked ${max} tokens within a day, the limit; let the others expire.`, {
      headers: limitReached({ name: 'revokedTokens', max }, 3_600),
    });
  }
}

/** Without keys: a page of another origin tried to change something. */
export class ForeignOrigin extends Problem {
  constructor() {
    super('FORBIDDEN', 'Pages of this origin must not change anything: add it to MILLRACE_CORS_ORIGINS.');
  }
}

/** Without keys: the request names a host that may be anybody's. */
export class HostNotAllowed extends Problem {
  constructor() {
    super('HOST_NOT_ALLOWED', 'The service does not know this Host: add its name to MILLRACE_ALLOWED_HOSTS.');
  }
}

export class MethodNotAllowed extends Problem {
  /** @param methods the methods of the path */
  constructor(methods: readonly string[]) {
    const allowed = methods.toSorted().join(', ');
    super('METHOD_NOT_ALLOWED', `This path takes ${allowed}.`, { headers: { Allow: allowed } });
  }
}

/** For admins only: other callers always name what their own tenant has. */
export class AmbiguousId extends Problem {
  constructor(what: 'job' | 'thread', tenants: readonly string[]) {
    super(
      'AMBIGUOUS_ID',
      `Several tenants have a ${what} with this id (${tenants.join(', ')}): add ?tenant= with one of them.`,
    );
  }
}

export class ThreadNotFound extends Problem {
  constructor() {
    super('THREAD_NOT_FOUND', 'There is no such thread, or it is not yours.');
  }
}

export class KeyNotFound extends Problem {
  constructor() {
    super('INVALID_REQUEST', 'There is no such key.', { status: 404 });
  }
}

export class WorkerNotFound extends Problem {
  constructor() {
    super('INVALID_REQUEST', 'There is no such worker.', { status: 404 });
  }
}

/** Only what has ended can be erased. */
export class JobRunning extends Problem {
  constructor() {
    super('JOB_RUNNING', 'The job has not ended: cancel it, or wait for its end.');
  }
}

export class JobFinished extends Problem {
  constructor() {
    super('JOB_FINISHED', 'The job has finished and can no longer be cancelled.');
  }
}

/** The end of the job could not be told to this URL. */
export class WebhookRefused extends Problem {
  constructor(fault: string) {
    super('INVALID_REQUEST', 'The webhook is refused.', {
      status: 422,
      errors: [{ pointer: '/webhook', detail: fault }],
    });
  }
}

export class UnknownPipeline extends Problem {
  constructor(known: readonly string[]) {
    super('UNKNOWN_PIPELINE', `Known pipelines: ${known.join(', ')}.`, {
      errors: [{ pointer: '/pipeline', detail: 'is not a known pipeline' }],
    });
  }
}

/** The request asked to be refused while another job of the thread runs. */
export class ThreadBusy extends Problem {
  constructor() {
    super('THREAD_BUSY', 'Another job of the thread runs: wait for its end, or send another "onBusy".');
  }
}

/** The job was to come after another one, which is not the last of its thread any more. */
export class ThreadMovedOn extends Problem {
  constructor() {
    super('THREAD_BUSY', 'Another job has continued the thread meanwhile: send the request again.');
  }
}

/** An answer to a thread that waits for none, or that another answer has reached first. */
export class NotInterrupted extends Problem {
  constructor() {
    super('NOT_INTERRUPTED', 'The thread waits for no answer.', {
      errors: [{ pointer: '/resume', detail: 'answers nothing: send messages or input' }],
    });
  }
}

export class ThreadExists extends Problem {
  constructor() {
    super('THREAD_EXISTS', 'There is a thread with this id already: choose another one, or leave it out.', {
      errors: [{ pointer: '/id', detail: 'is the id of another thread' }],
    });
  }
}

/** The thread has no such checkpoint: it never had, or it was pruned. */
export class CheckpointNotFound extends Problem {
  constructor() {
    super('THREAD_NOT_FOUND', 'The thread has no such checkpoint.');
  }
}

export class MessageNotFound extends Problem {
  constructor() {
    super('THREAD_NOT_FOUND', 'The thread has no such message, or does not know which job brought it.');
  }
}

/** @param errors what is wrong with the input, by the schema of the agent */
export class InvalidInput extends Problem {
  constructor(detail: string, errors: readonly FieldError[]) {
    super('INVALID_INPUT', detail, { errors });
  }
}

export class ModelNotAllowed extends Problem {
  constructor(allowed: readonly string[]) {
    super('MODEL_NOT_ALLOWED', `Allowed models: ${allowed.join(', ')}.`, {
      errors: [{ pointer: '/model', detail: 'is not an allowed model' }],
    });
  }
}

/** A model that is asked for by its name, and is none. */
export class UnknownModel extends Problem {
  constructor() {
    super('MODEL_NOT_ALLOWED', 'There is no such model.', { status: 404 });
  }
}

export class QueueFull extends Problem {
  constructor() {
    super('QUEUE_FULL', 'Too many jobs are waiting; try again later.', { headers: { 'Retry-After': '5' } });
  }
}

/** The tenant has as many unfinished jobs as it may have. */
export class TooManyJobs extends Problem {
  constructor(max: number) {
    super('RATE_LIMITED', `You have ${max} unfinished jobs, the limit (queuedJobs); try again when one has ended.`, {
      headers: limitReached({ name: 'queuedJobs', max }, 5),
    });
  }
}

/** The tenant has sent as many requests within a minute as it may. */
export class TooManyRequests extends Problem {
  /** @param resetSeconds until it may send further ones */
  constructor(max: number, resetSeconds: number) {
    super('RATE_LIMITED', `You have sent ${max} requests within a minute, the limit (requestsPerMinute); wait.`, {
      headers: limitReached({ name: 'requestsPerMinute', max, resetSeconds }),
    });
  }
}

/** The tenant's prompts, answers and records fill what it may use of Redis. */
export class StorageFull extends Problem {
  /** @param max bytes
   *  @param everywhere whether those of all Redis were counted */
  constructor(max: number, everywhere = false) {
    super(
      'QUOTA_EXCEEDED',
      `Your jobs and threads use ${max} bytes of storage, the limit (storedBytes); try again when some have ended or expired.`,
      { headers: limitReached({ name: 'storedBytes', max }, 60), everywhere },
    );
  }
}

interface TokensLeft {
  /** tokens that the job would reserve */
  readonly needed: number;
  /** of the day */
  readonly left: number;
  readonly max: number;
  /** whether those of all Redis were counted */
  readonly everywhere?: boolean;
}

/** The tenant has not enough tokens left of the day. */
export class TokensUsedUp extends Problem {
  constructor(readonly tokens: TokensLeft) {
    const { needed, left, max, everywhere = false } = tokens;
    super(
      'QUOTA_EXCEEDED',
      `The job reserves ${needed} tokens (its prompt, and "maxTokens" or 1,024), and your tenant has ${left} left today (UTC): ask for less, or try again tomorrow.`,
      {
        headers: limitReached({ name: 'tokensPerDay', max, remaining: left, resetSeconds: secondsUntilTomorrow() }),
        everywhere,
      },
    );
  }
}

/** until midnight UTC */
function secondsUntilTomorrow(): number {
  return DAY_SECONDS - (Math.floor(Date.now() / 1_000) % DAY_SECONDS);
}

/** The caller's tenant has as many open streams as it may have. */
export class TooManyStreams extends Problem {
  constructor(max: number) {
    super('RATE_LIMITED', `You have ${max} open streams, the limit (streams); close one, or try again later.`, {
      headers: limitReached({ name: 'streams', max }, 5),
    });
  }
}

/** The caller's tenant reads as many long texts on this node as it may, and none ended in time. */
export class TooManyTexts extends Problem {
  constructor(max: number) {
    super('RATE_LIMITED', `You are reading ${max} long texts, the limit; finish reading one.`, {
      headers: limitReached({ name: 'longTexts', max }, 5),
    });
  }
}

/** The node is about to close, and the job would end with its connection. */
export class Draining extends Problem {
  /** @param closesInMs until then a repeated request may reach this node again, milliseconds */
  constructor(closesInMs: number) {
    super('UNAVAILABLE', 'This node is about to close: send the request again.', {
      headers: { 'Retry-After': String(Math.ceil(closesInMs / 1_000) + 1) },
    });
  }
}

/** Redis does not answer (law 12), nor does the archive, or the node is stopping. */
export class Unavailable extends Problem {
  /** @param options the cause, and when to try again, seconds */
  constructor({ retryAfterSeconds = 2, ...options }: ErrorOptions & { readonly retryAfterSeconds?: number } = {}) {
    super('UNAVAILABLE', 'The service cannot do this now; try again shortly.', {
      headers: { 'Retry-After': String(retryAfterSeconds) },
    });
    this.cause = options.cause;
  }
}
