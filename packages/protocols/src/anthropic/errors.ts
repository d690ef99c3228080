import type { JobError, ProblemCode } from '@millrace/contracts';
import type { ForeignAnswer, ForeignProblem } from '../foreign/foreign-problem.ts';
import { dottedOf } from '../foreign/request-fault.ts';

/** The error object of Anthropic's protocol. */
export interface AnthropicError {
  readonly type: string;
  readonly message: string;
}

/** Where the status differs from ours: its clients repeat a request at 408, 409, 429 and ≥ 500. */
const STATUSES: Partial<Record<ProblemCode, number>> = {
  INVALID_INPUT: 400,
  IDEMPOTENCY_MISMATCH: 400,
  UNSUPPORTED_MEDIA_TYPE: 400,
  HOST_NOT_ALLOWED: 403,
  LOG_EXPIRED: 404,
  UNKNOWN_PIPELINE: 404,
  MODEL_NOT_ALLOWED: 404,
};

const TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  501: 'api_error',
  503: 'overloaded_error',
};

/** What refuses a request before there is a job, for reasons that pass. */
const PASSING: ReadonlySet<ProblemCode> = new Set(['RATE_LIMITED', 'QUOTA_EXCEEDED', 'QUEUE_FULL', 'UNAVAILABLE']);

/** Clients ignore a longer `Retry-After`, and would repeat a request at once that is refused until midnight. */
const LONGEST_WAIT_SECONDS = 60;

/** A failure in Anthropic's form. */
export function anthropicProblem(problem: ForeignProblem): ForeignAnswer {
  const { code, detail, requestId, errors = [], retryAfter, isJobMade } = problem;
  const status = STATUSES[code] ?? problem.status;
  const faults = errors.map((error) => `${dottedOf(error.pointer) || 'the body'}: ${error.detail}`);
  const error: AnthropicError = {
    type: TYPES[status] ?? 'invalid_request_error',
    message: faults.length === 0 ? detail : faults.join('; '),
  };
  const isPassing = PASSING.has(code) && !isJobMade;
  return {
    status,
    headers: {
      'request-id': requestId,
      'x-should-retry': String(isPassing && Number(retryAfter ?? 0) <= LONGEST_WAIT_SECONDS),
      ...(isPassing && retryAfter !== undefined ? { 'Retry-After': retryAfter } : {}),
    },
    contentType: 'application/json; charset=utf-8',
    body: JSON.stringify(errorBody(error, requestId)),
  };
}

/** The body of an error, and the data of the event `error`. */
export function errorBody(error: AnthropicError, requestId: string): object {
  return { type: 'error', error, request_id: requestId };
}

/** The failure of a job, in Anthropic's form. */
export function anthropicJobError({ code, message }: Pick<JobError, 'code' | 'message'>): AnthropicError {
  if (code === 'MODEL_RATE_LIMITED' || code === 'QUOTA_EXCEEDED') return { type: 'rate_limit_error', message };
  if (code === 'TIMEOUT' || code === 'MODEL_TIMEOUT') return { type: 'timeout_error', message };
  return { type: 'api_error', message };
}
