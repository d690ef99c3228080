import { type JobError, STREAM_ERROR_CODES, type StreamErrorCode } from '@millrace/contracts';
import { ContentUnreadable, LogLimitExceeded } from '@millrace/stream-log';
import { AgentFailed } from '../pipelines/agents/agent-failed.ts';
import { DeadlineExceeded, MalformedEvent, PipelineMissing, TokensUsedUp } from './attempt-errors.ts';

/** A pipeline's failure as the caller may see it, and whether the worker should retry. */
export interface Failure extends JobError {
  /** a retry may succeed: 429, 5xx, no connection */
  readonly transient: boolean;
  /** Retry-After of the model's server, milliseconds; 0 without one */
  readonly retryAfterMs: number;
}

/** Classifies an error of any origin by its structure: each provider's package has its own classes, but all of them carry an
 *  HTTP status or an error code of Node's.
 *
 *  The message never comes from the error: providers quote keys, prompts and addresses. */
export function failureOf(error: unknown): Failure {
  if (error instanceof DeadlineExceeded) return final(error.code, error.message, true);
  if (error instanceof TokensUsedUp) return final('QUOTA_EXCEEDED', QUOTA_MESSAGE, true);
  if (error instanceof LogLimitExceeded) return final('MODEL_ERROR', LIMIT_MESSAGE);
  if (error instanceof PipelineMissing) return final('INTERNAL', 'The worker does not have this pipeline.', true);
  if (error instanceof MalformedEvent) return final('INTERNAL', 'The pipeline yielded a malformed event.');
  if (error instanceof ContentUnreadable) return unreadable(error);
  if (error instanceof AgentFailed) return agentFailure(error);
  const stated = failureStatedBy(error);
  if (stated !== null) return stated;

  const status = httpStatus(error);
  if (status !== undefined) return httpFailure(status, error);
  const codes = [...errorCodes(error)];
  const timedOut = codes.find((code) => TIMEOUT_CODES.has(code));
  if (timedOut !== undefined) return transient('MODEL_TIMEOUT', 'The connection to the model timed out.');
  // the innermost cause is the most specific
  const lost = codes.findLast((code) => CONNECTION_CODES.has(code));
  if (lost !== undefined) return transient('MODEL_ERROR', `The connection to the model failed (${lost}).`);
  if (codes.some((code) => BROKEN_HTTP.test(code))) {
    return transient('MODEL_ERROR', 'The connection to the model failed (its response is not valid HTTP).');
  }
  if (codes.includes('UNDECODABLE_ANSWER')) {
    return final('MODEL_ERROR', 'The model’s answer has an encoding that cannot be decoded.', true);
  }
  if (codes.includes('rate_limit_exceeded')) return transient('MODEL_RATE_LIMITED', 'The model is rate limited.');
  if (codes.includes('APIError')) return transient('MODEL_ERROR', 'The model reported an error.');
  return final('INTERNAL', 'The pipeline failed.');
}

function agentFailure({ failure, mayRunAgain, cause }: AgentFailed): Failure {
  if (failure === 'recursion') {
    return final('RECURSION_LIMIT', 'The agent took more steps than its recursion limit allows.');
  }
  if (cause instanceof ContentUnreadable) return unreadable(cause);
  if (failure === 'graph') return final('AGENT_ERROR', 'The agent failed.');
  const ofModel = failureOf(cause);
  if (ofModel.code === 'INTERNAL') return final('MODEL_ERROR', 'A model call of the agent failed.');
  return { ...ofModel, transient: ofModel.transient && mayRunAgain };
}

function unreadable({ reason }: ContentUnreadable): Failure {
  if (reason === 'unavailable') return final('INTERNAL', 'The key of what is stored cannot be had now.', true);
  return final('INTERNAL', 'What is stored of the thread cannot be decrypted.');
}

const QUOTA_MESSAGE = 'The answer is far longer than expected, and the tenant has used up its tokens of the day (UTC).';

const LIMIT_MESSAGE =
  'The answer exceeds the limits of a log (MILLRACE_MAX_LOG_EVENTS, MILLRACE_MAX_LOG_BYTES) and ends here.';

const TIMEOUT_CODES = new Set([
  ...['TimeoutError', 'APIConnectionTimeoutError', 'ETIMEDOUT'],
  ...['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'],
]);

const CONNECTION_CODES = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'EPIPE', 'EHOSTUNREACH', 'ENETUNREACH'],
  ...['UND_ERR_SOCKET', 'ERR_STREAM_PREMATURE_CLOSE', 'APIConnectionError'],
]);

/** Codes of undici and its parser: `HPE_INVALID_CHUNK_SIZE`, `UND_ERR_RES_CONTENT_LENGTH_MISMATCH`. */
const BROKEN_HTTP = /^(?:HPE|UND_ERR)_/;

function httpFailure(status: number, error: unknown): Failure {
  const code = safeCode(error);
  const details = `HTTP status ${status}${code === undefined ? '' : `, ${code}`}`;
  // the account is empty: a retry cannot succeed
  if (status === 402 || code === 'insufficient_quota')
    return final('MODEL_RATE_LIMITED', `The model’s quota is used up (${details}).`);
  const retryAfterMs = retryAfter(error);
  if (status === 429) return transient('MODEL_RATE_LIMITED', `The model is rate limited (${details}).`, retryAfterMs);
  if (status === 408 || status === 504)
    return transient('MODEL_TIMEOUT', `The model timed out (${details}).`, retryAfterMs);
  if (status >= 500) return transient('MODEL_ERROR', `The model failed (${details}).`, retryAfterMs);
  // following it would send the key and the prompt elsewhere
  if (status < 400)
    return final('MODEL_ERROR', `The model’s server answered with a redirect, which is not followed (${details}).`);
  return final('MODEL_ERROR', `The model refused the request (${details}).`);
}

/** Recognises a PipelineError by its structure: a custom module may have loaded another copy of the class. */
export function isPipelineError(error: unknown): error is Error & { readonly code: unknown } {
  return error instanceof Error && error.name === 'PipelineError' && 'code' in error;
}

function failureStatedBy(error: unknown): Failure | null {
  if (!isPipelineError(error)) return null;
  const code = STREAM_ERROR_CODES.find((known) => known === error.code);
  return code === undefined ? null : final(code, error.message, 'retryable' in error && error.retryable === true);
}

function transient(code: StreamErrorCode, message: string, retryAfterMs = 0): Failure {
  return { code, message, retryable: true, transient: true, retryAfterMs };
}

function final(code: StreamErrorCode, message: string, retryable = false): Failure {
  return { code, message, retryable, transient: false, retryAfterMs: 0 };
}

function field(value: unknown, name: string): unknown {
  const hasFields = (typeof value === 'object' && value !== null) || typeof value === 'function';
  return hasFields ? Reflect.get(value, name) : undefined;
}

function httpStatus(error: unknown): number | undefined {
  const response = field(error, 'response');
  const candidates = [field(error, 'status'), field(error, 'statusCode'), field(response, 'status')];
  return candidates.find((status): status is number => typeof status === 'number' && status >= 300 && status < 600);
}

/** Providers' codes that help an operator. Any other code may contain what the caller sent. */
const KNOWN_CODES = new Set([
  ...['insufficient_quota', 'rate_limit_exceeded', 'tokens', 'requests', 'billing_hard_limit_reached'],
  ...['invalid_api_key', 'authentication_error', 'permission_error', 'unsupported_country_region_territory'],
  ...['model_not_found', 'not_found_error', 'context_length_exceeded', 'string_above_max_length'],
  ...['invalid_request_error', 'invalid_value', 'unsupported_value', 'unsupported_parameter', 'unknown_parameter'],
  ...['missing_required_parameter', 'content_filter', 'content_policy_violation', 'invalid_prompt'],
  ...['server_error', 'api_error', 'overloaded_error', 'service_unavailable', 'rate_limit_error', 'timeout'],
]);

/** The provider's code (`model_not_found`), if it is known. */
function safeCode(error: unknown): string | undefined {
  const code = field(error, 'code') ?? field(field(error, 'error'), 'code') ?? field(error, 'type');
  return typeof code === 'string' && KNOWN_CODES.has(code) ? code : undefined;
}

/** Names and codes along the chain of causes: Node's fetch throws `fetch failed`, and its cause has the reason. */
function* errorCodes(error: unknown): Generator<string> {
  for (let cause = error, depth = 0; cause !== undefined && depth < 5; cause = field(cause, 'cause'), depth += 1) {
    const words = [field(cause, 'name'), field(field(cause, 'constructor'), 'name'), field(cause, 'type')];
    for (const word of [...words, field(cause, 'code')]) if (typeof word === 'string') yield word;
  }
}

/** @see RFC 9110 §10.2.3; `retry-after-ms` is OpenAI's extension */
function retryAfter(error: unknown): number {
  const headers = field(error, 'headers') ?? field(field(error, 'response'), 'headers');
  const milliseconds = Number(header(headers, 'retry-after-ms') ?? Number.NaN);
  if (milliseconds >= 0) return milliseconds;
  const text = header(headers, 'retry-after');
  if (text === undefined) return 0;
  const seconds = Number(text);
  const delay = Number.isNaN(seconds) ? Date.parse(text) - Date.now() : seconds * 1_000;
  return Number.isFinite(delay) ? Math.max(delay, 0) : 0;
}

function header(headers: unknown, name: string): string | undefined {
  const value = headers instanceof Headers ? headers.get(name) : field(headers, name);
  return typeof value === 'string' && value !== '' ? value : undefined;
}
