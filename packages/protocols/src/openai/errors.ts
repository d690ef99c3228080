import type { JobError, ProblemCode } from '@millrace/contracts';
import type { ForeignAnswer, ForeignProblem } from '../foreign/foreign-problem.ts';
import { dottedOf } from '../foreign/request-fault.ts';
import { NO_ANSWER, type WholeAnswer } from '../foreign/whole-answer.ts';
import type { ReadEvent } from '../projection/read-event.ts';

/** The error object of OpenAI's protocols. */
export interface OpenAiError {
  readonly message: string;
  readonly type: string;
  readonly code: string | null;
  /** the field at fault */
  readonly param: string | null;
}

interface Kind {
  /** where OpenAI's differs from ours. Its clients repeat a request at 408, 409, 429 and ≥ 500; LangChain's at everything but
   *  400 to 407, 409 and 413, so validation must be 400 */
  readonly status?: number;
  readonly type: string;
  readonly code?: string;
}

const INVALID = { status: 400, type: 'invalid_request_error' } as const;
const NO_MODEL = { status: 404, type: 'invalid_request_error', code: 'model_not_found' } as const;

const KINDS: Readonly<Record<ProblemCode, Kind>> = {
  INVALID_REQUEST: { type: 'invalid_request_error' },
  INVALID_CURSOR: INVALID,
  INVALID_INPUT: INVALID,
  UNSUPPORTED_MEDIA_TYPE: INVALID,
  IDEMPOTENCY_MISMATCH: { ...INVALID, code: 'idempotency_mismatch' },
  UNAUTHENTICATED: { type: 'invalid_request_error', code: 'invalid_api_key' },
  FORBIDDEN: { type: 'permission_error', code: 'insufficient_permissions' },
  JOB_NOT_FOUND: { type: 'invalid_request_error', code: 'not_found' },
  THREAD_NOT_FOUND: { type: 'invalid_request_error', code: 'not_found' },
  METHOD_NOT_ALLOWED: { type: 'invalid_request_error', code: 'method_not_allowed' },
  AMBIGUOUS_ID: { type: 'invalid_request_error', code: 'ambiguous_id' },
  HOST_NOT_ALLOWED: { status: 403, type: 'invalid_request_error', code: 'host_not_allowed' },
  JOB_RUNNING: { type: 'invalid_request_error' },
  JOB_FINISHED: { type: 'invalid_request_error', code: 'already_finished' },
  THREAD_BUSY: { type: 'invalid_request_error', code: 'conversation_locked' },
  THREAD_EXISTS: { type: 'invalid_request_error', code: 'conflict' },
  NOT_INTERRUPTED: { type: 'invalid_request_error', code: 'conflict' },
  LOG_EXPIRED: { status: 404, type: 'invalid_request_error', code: 'expired' },
  PAYLOAD_TOO_LARGE: { type: 'invalid_request_error', code: 'payload_too_large' },
  UNKNOWN_PIPELINE: NO_MODEL,
  MODEL_NOT_ALLOWED: NO_MODEL,
  RATE_LIMITED: { type: 'rate_limit_error', code: 'rate_limit_exceeded' },
  QUOTA_EXCEEDED: { type: 'insufficient_quota', code: 'insufficient_quota' },
  QUEUE_FULL: { type: 'server_error', code: 'server_overloaded' },
  UNAVAILABLE: { type: 'server_error', code: 'server_overloaded' },
  INTERNAL: { type: 'server_error', code: 'server_error' },
};

/** What refuses a request before there is a job, for reasons that pass. */
const PASSING: ReadonlySet<ProblemCode> = new Set(['RATE_LIMITED', 'QUOTA_EXCEEDED', 'QUEUE_FULL', 'UNAVAILABLE']);

/** Clients ignore a longer `Retry-After`, and would repeat a request at once that is refused until midnight. */
const LONGEST_WAIT_SECONDS = 60;

/** A failure in OpenAI's form. `x-should-retry` tells its clients whether repeating the request is safe. */
export function openAiProblem(problem: ForeignProblem): ForeignAnswer {
  const { code, detail, errors = [], retryAfter, isJobMade } = problem;
  const kind = KINDS[code];
  const [first] = errors;
  const param = kind === NO_MODEL ? 'model' : first === undefined ? null : dottedOf(first.pointer);
  const isPassing = PASSING.has(code) && !isJobMade;
  const error: OpenAiError = {
    message: kind === NO_MODEL ? detail : messageOf(detail, errors),
    type: kind.type,
    code: kind.code ?? null,
    param: param || null,
  };
  return {
    status: kind.status ?? problem.status,
    headers: {
      'x-should-retry': String(isPassing && Number(retryAfter ?? 0) <= LONGEST_WAIT_SECONDS),
      ...(isPassing && retryAfter !== undefined ? { 'Retry-After': retryAfter } : {}),
    },
    contentType: 'application/json; charset=utf-8',
    body: JSON.stringify({ error }),
  };
}

/** The failure of a job, in OpenAI's form. */
export function openAiJobError({ code, message }: Pick<JobError, 'code' | 'message'>): OpenAiError {
  if (code === 'MODEL_RATE_LIMITED') {
    return { message, type: 'rate_limit_error', code: 'rate_limit_exceeded', param: null };
  }
  if (code === 'QUOTA_EXCEEDED')
    return { message, type: 'insufficient_quota', code: 'insufficient_quota', param: null };
  return { message, type: 'server_error', code: 'server_error', param: null };
}

export const CANCELLED: OpenAiError = {
  message: 'The job was cancelled.',
  type: 'server_error',
  code: 'cancelled',
  param: null,
};

/** A new attempt says something else than the reader was told, who cannot take it back. */
export const DIVERGED: OpenAiError = {
  message: 'The answer was started afresh and says something else now.',
  type: 'server_error',
  code: 'server_error',
  param: null,
};

/** The answer of a job that has none.
 *  @param last the last event of its log */
export function failedAnswer(last: ReadEvent | null): WholeAnswer {
  const error = last?.type === 'error' ? openAiJobError(last.data) : CANCELLED;
  return { status: NO_ANSWER, headers: { 'x-should-retry': 'false' }, body: { error } };
}

function messageOf(detail: string, errors: ForeignProblem['errors'] = []): string {
  if (errors.length === 0) return detail;
  const faults = errors.map((error) => `${dottedOf(error.pointer) || 'the body'}: ${error.detail}`);
  return `Invalid request. ${faults.join('; ')}.`;
}
