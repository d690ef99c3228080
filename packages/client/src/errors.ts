import type { JobErrorCode, JobEventData } from './job-event.ts';

/** Codes of a refused request. @see PROTOCOL.md §7 */
export type ProblemCode =
  | 'INVALID_REQUEST'
  | 'INVALID_CURSOR'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'METHOD_NOT_ALLOWED'
  | 'AMBIGUOUS_ID'
  | 'HOST_NOT_ALLOWED'
  | 'JOB_NOT_FOUND'
  | 'JOB_RUNNING'
  | 'JOB_FINISHED'
  | 'THREAD_NOT_FOUND'
  | 'THREAD_BUSY'
  | 'THREAD_EXISTS'
  | 'NOT_INTERRUPTED'
  | 'LOG_EXPIRED'
  | 'PAYLOAD_TOO_LARGE'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'UNKNOWN_PIPELINE'
  | 'INVALID_INPUT'
  | 'MODEL_NOT_ALLOWED'
  | 'IDEMPOTENCY_MISMATCH'
  | 'RATE_LIMITED'
  | 'QUOTA_EXCEEDED'
  | 'QUEUE_FULL'
  | 'UNAVAILABLE'
  | 'INTERNAL';

/** Every way that a call of this client can fail. */
export type MillraceErrorCode =
  | ProblemCode
  | JobErrorCode
  | 'CANCELLED'
  | 'ANSWER_CHANGED'
  | 'UNREACHABLE'
  | 'BAD_ANSWER';

/** Where the error is in a refused body. */
export interface FieldError {
  /** JSON pointer into the body */
  readonly pointer: string;
  readonly detail: string;
}

interface Details {
  readonly status?: number | null;
  readonly requestId?: string | null;
  readonly errors?: readonly FieldError[];
  readonly otherIds?: readonly string[];
  readonly retryAfterMs?: number | null;
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/** What every error of this client is; its class says of which kind, `code` exactly what. An abort is not such an error: it
 *  rejects with the signal's reason. */
export class MillraceError extends Error {
  override readonly name: string = 'MillraceError';
  /** HTTP status of the answer; null if there was none, or the stream had begun */
  readonly status: number | null;
  readonly requestId: string | null;
  /** the server's `Retry-After`, milliseconds; null if there was none */
  readonly retryAfterMs: number | null;
  /** the same request may succeed later */
  readonly retryable: boolean;

  constructor(
    readonly code: MillraceErrorCode,
    message: string,
    details: Details = {},
  ) {
    super(message, { cause: details.cause });
    this.status = details.status ?? null;
    this.requestId = details.requestId ?? null;
    this.retryAfterMs = details.retryAfterMs ?? null;
    this.retryable = details.retryable ?? false;
  }
}

/** The server refused a request. Its subclasses are the kinds of refusal. */
export class RequestRefused extends MillraceError {
  override readonly name: string = 'RequestRefused';
  /** what is wrong with the body, for `INVALID_REQUEST` and `INVALID_INPUT` */
  readonly errors: readonly FieldError[];
  /** request ids under which a job may be accepted at once: nothing is stored of it. None: that cannot be said */
  readonly otherIds: readonly string[];

  constructor(code: MillraceErrorCode, message: string, details: Details = {}) {
    super(code, message, details);
    this.errors = details.errors ?? [];
    this.otherIds = details.otherIds ?? [];
  }
}

/** 400, 405, 413, 415, 421, 422: the request must be changed. */
export class InvalidRequest extends RequestRefused {
  override readonly name = 'InvalidRequest';
}

/** 401, 403: the credential is missing, wrong, ended, or not enough. */
export class AccessDenied extends RequestRefused {
  override readonly name = 'AccessDenied';
}

/** 404, 410: there is no such job or thread, or its log has expired (`LOG_EXPIRED`). */
export class NotFound extends RequestRefused {
  override readonly name = 'NotFound';
}

/** 409: what is there stands in the way. */
export class Conflict extends RequestRefused {
  override readonly name = 'Conflict';
}

/** 429: a limit of the tenant is reached; `retryAfterMs` says when to try again. */
export class LimitReached extends RequestRefused {
  override readonly name = 'LimitReached';
}

/** 5xx: the service, or the proxy before it, cannot work just now. */
export class Unavailable extends RequestRefused {
  override readonly name = 'Unavailable';
}

/** There was no connection, or it was lost, and repeating did not help. */
export class ConnectionLost extends MillraceError {
  override readonly name = 'ConnectionLost';

  constructor(message: string, details: Details = {}) {
    super('UNREACHABLE', message, { retryable: true, ...details });
  }
}

/** The other side does not speak this protocol. */
export class BadAnswer extends MillraceError {
  override readonly name = 'BadAnswer';

  constructor(message: string, details: Details = {}) {
    super('BAD_ANSWER', message, details);
  }
}

/** The job ended in an `error` event. */
export class JobFailed extends MillraceError {
  override readonly name = 'JobFailed';

  constructor({ code, message, retryable }: JobEventData['error'], requestId: string) {
    super(code, message, { retryable, requestId });
  }
}

/** Somebody cancelled the job. */
export class JobCancelled extends MillraceError {
  override readonly name = 'JobCancelled';

  constructor(
    readonly by: JobEventData['cancelled']['by'],
    requestId: string,
  ) {
    super('CANCELLED', `the job was cancelled (${by})`, { requestId });
  }
}

/** A new attempt says something else than the one before, and what the reader has cannot be taken back. */
export class AnswerChanged extends MillraceError {
  override readonly name = 'AnswerChanged';

  constructor(requestId: string) {
    super('ANSWER_CHANGED', 'the answer began again, with other words', { retryable: true, requestId });
  }
}

/** Refusals of the moment: the request took too long, came too early, or there were too many. */
const PASSING = new Set([408, 425, 429]);

/** Reads a refusal. The body is problem+json from Millrace, or anything from a proxy in between. */
export async function refusal(response: Response): Promise<RequestRefused> {
  const { status, headers } = response;
  const problem = await problemOf(response);
  const code = problem.code ?? (status >= 500 ? 'UNAVAILABLE' : 'BAD_ANSWER');
  const Kind = kindOf(status);
  return new Kind(code, problem.detail ?? problem.title ?? `the server answered ${status}`, {
    status,
    requestId: problem.requestId ?? headers.get('x-request-id'),
    errors: problem.errors ?? [],
    otherIds: problem.otherIds ?? [],
    retryAfterMs: retryAfterMs(headers.get('retry-after')),
    retryable: status >= 500 || PASSING.has(status),
  });
}

function kindOf(status: number) {
  if (status >= 500) return Unavailable;
  if (status === 429) return LimitReached;
  if (status === 409) return Conflict;
  if (status === 404 || status === 410) return NotFound;
  if (status === 401 || status === 403) return AccessDenied;
  return InvalidRequest;
}

interface Problem {
  readonly code?: ProblemCode;
  readonly title?: string;
  readonly detail?: string;
  readonly requestId?: string;
  readonly errors?: readonly FieldError[];
  readonly otherIds?: readonly string[];
}

async function problemOf(response: Response): Promise<Problem> {
  if (!response.headers.get('content-type')?.startsWith('application/problem+json')) {
    await response.body?.cancel();
    return {};
  }
  try {
    return (await response.json()) as Problem;
  } catch {
    // truncated, or not JSON: only the status remains
    return {};
  }
}

/** @param header seconds, or an HTTP date */
function retryAfterMs(header: string | null): number | null {
  if (header === null) return null;
  const seconds = Number(header);
  const delayMs = Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1000;
  return Number.isNaN(delayMs) ? null : Math.max(0, delayMs);
}
