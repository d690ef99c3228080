import type { JobErrorCode } from './job-event.ts';

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

/** Every way that a call of this client can fail:
 *  - a {@link ProblemCode}: the server refused the request;
 *  - a {@link JobErrorCode}, or `CANCELLED`: the job ended without a complete answer;
 *  - `UNREACHABLE`: there was no connection, or it was lost, and repeating did not help;
 *  - `BAD_ANSWER`: the other side does not speak this protocol. */
export type MillraceErrorCode = ProblemCode | JobErrorCode | 'CANCELLED' | 'UNREACHABLE' | 'BAD_ANSWER';

/** Where the error is in a refused body. */
export interface FieldError {
  /** JSON pointer into the body */
  readonly pointer: string;
  readonly detail: string;
}

interface MillraceErrorDetails {
  readonly status?: number | null;
  readonly requestId?: string | null;
  readonly errors?: readonly FieldError[];
  readonly retryAfterMs?: number | null;
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/** The only error class of this client; `code` distinguishes the cases. An abort is not such an error: it rejects
 *  with the signal's reason. */
export class MillraceError extends Error {
  override readonly name = 'MillraceError';
  /** HTTP status of the answer; null if there was none, or the stream had begun */
  readonly status: number | null;
  readonly requestId: string | null;
  /** what is wrong with the body, for `INVALID_REQUEST` and `INVALID_INPUT` */
  readonly errors: readonly FieldError[];
  /** the server's `Retry-After`, milliseconds; null if there was none */
  readonly retryAfterMs: number | null;
  /** the same request may succeed later */
  readonly retryable: boolean;

  constructor(
    readonly code: MillraceErrorCode,
    message: string,
    details: MillraceErrorDetails = {},
  ) {
    super(message, { cause: details.cause });
    this.status = details.status ?? null;
    this.requestId = details.requestId ?? null;
    this.errors = details.errors ?? [];
    this.retryAfterMs = details.retryAfterMs ?? null;
    this.retryable = details.retryable ?? false;
  }
}

/** Reads a refusal. The body is problem+json from Millrace, or anything from a proxy in between. */
export async function refusal(response: Response): Promise<MillraceError> {
  const problem = await problemOf(response);
  return new MillraceError(
    problem.code ?? (response.status >= 500 ? 'UNAVAILABLE' : 'BAD_ANSWER'),
    problem.detail ?? problem.title ?? `the server answered ${response.status}`,
    {
      status: response.status,
      requestId: problem.requestId ?? response.headers.get('x-request-id'),
      errors: problem.errors ?? [],
      retryAfterMs: retryAfterMs(response.headers.get('retry-after')),
      retryable: response.status >= 500 || response.status === 429,
    },
  );
}

interface Problem {
  readonly code?: ProblemCode;
  readonly title?: string;
  readonly detail?: string;
  readonly requestId?: string;
  readonly errors?: readonly FieldError[];
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
