import { OpenAIClient } from '@langchain/openai';
import { type Fields, isFields } from './fields.ts';

/** HTTP statuses for the words that servers use in place of one. An entry matches all words that start with it. */
const STATUS_OF_WORD: readonly (readonly [word: string, status: number])[] = [
  ...(
    ['insufficient_quota', 'insufficient_balance', 'payment_required', 'arrearage', 'billing_', 'credit'] as const
  ).map((word) => [word, 402] as const),
  ...(['rate_limit', 'rate_limited', 'too_many_requests', 'resource_exhausted', 'throttl'] as const).map(
    (word) => [word, 429] as const,
  ),
  ...(['timeout', 'request_timeout', 'deadline_exceeded', 'gateway_timeout'] as const).map(
    (word) => [word, 504] as const,
  ),
  ...(
    [
      'invalid',
      'bad_request',
      'badrequest',
      'context_',
      'prompt_too',
      'input_too',
      'request_too_large',
      'unprocessable',
      'string_above_max',
      'unsupported',
      'content_',
      'model_not',
      'model_de',
      'access_denied',
      'not_found',
      'authentication',
      'unauthorized',
      'permission',
      'forbidden',
    ] as const
  ).map((word) => [word, 400] as const),
  ...(
    [
      'server_error',
      'internal',
      'overloaded',
      'service_unavailable',
      'unavailable',
      'api_error',
      'engine_overloaded',
    ] as const
  ).map((word) => [word, 503] as const),
];

/** Finds the error that a frame, or a whole body, reports in place of an answer.
 *  @param named the frame is an event named `error`, which always reports one
 *  @returns the error that the client would throw for the same body with an HTTP status; null without an error */
export function reportedError(frame: unknown, named: boolean, headers: Headers): Error | null {
  const fields = isFields(frame) ? frame : {};
  const stated = fields['error'] ?? firstIn(fields['choices'])['error'] ?? firstError(fields) ?? baseResponse(fields);
  if (isPresent(stated)) return errorFrom(stated, fields, headers);
  const isError = named || fields['object'] === 'error' || fields['type'] === 'error';
  // web frameworks answer `{"detail": …}` and `{"message": …, "code": …}`
  const isPlain = fields['choices'] === undefined && (isPresent(fields['detail']) || hasStatus(fields));
  return isError || isPlain ? errorFrom(isFields(frame) ? frame : {}, {}, headers) : null;
}

/** The error for a finish reason that means a truncated answer: `error`, `abort`. */
export function failedFinish(headers: Headers): Error {
  return new OpenAIClient.APIError(undefined, {}, 'the answer was cut off', headers);
}

function errorFrom(given: unknown, around: Fields, headers: Headers): Error {
  const stated = innermost(given);
  const fields = isFields(stated) ? stated : {};
  const words = [
    fields['code'],
    fields['type'],
    fields['status'],
    isFields(stated) ? undefined : stated,
    around['code'],
    around['status'],
  ];
  const status = statusIn([...words, fields['status_code'], fields['statusCode']]);
  const code = [fields['code'], fields['type']].find((word) => typeof word === 'string');
  const message = textOf(fields['message'] ?? fields['detail'] ?? stated);
  return new OpenAIClient.APIError(status, { code, message }, message, headers);
}

/** A message is text, or a framework's structure: `[{"loc": ["body", "stream_options"], …}]`. Callers never see it. */
function textOf(message: unknown): string {
  return typeof message === 'string' ? message : (JSON.stringify(message) ?? '');
}

/** Codes come as numbers, digits and words. Numbers that are not error statuses are ignored. */
function statusIn(codes: readonly unknown[]): number | undefined {
  for (const code of codes) {
    const status = typeof code === 'string' && /^\d{3}$/.test(code) ? Number(code) : code;
    if (typeof status === 'number' && status >= 400 && status < 600) return status;
  }
  for (const code of codes) {
    if (typeof code !== 'string') continue;
    const word = code
      .slice(0, 64)
      .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
      .toLowerCase()
      .replaceAll(/[\s-]+/g, '_');
    const known = STATUS_OF_WORD.find(([beginning]) => word.startsWith(beginning));
    if (known !== undefined) return known[1];
    // gateways have their own words: `insufficient_user_quota`, `exceeded_current_quota_error`
    if (/^[\w.-]+$/.test(code) && word.includes('quota')) return 402;
  }
  return undefined;
}

/** A gateway may wrap the error of the server behind it: `{"error": {"error": {…}}}`. */
function innermost(given: unknown, depth = 0): unknown {
  const isWrapper = isFields(given) && given['code'] === undefined && isPresent(given['error']) && depth < 3;
  return isWrapper ? innermost(given['error'], depth + 1) : given;
}

function firstIn(list: unknown): Fields {
  const first: unknown = Array.isArray(list) ? list[0] : undefined;
  return isFields(first) ? first : {};
}

/** Cloudflare and others answer `{"errors": [{"code": …, "message": …}]}`. */
function firstError({ choices, errors }: Fields): unknown {
  return choices === undefined && Array.isArray(errors) ? errors[0] : undefined;
}

/** MiniMax answers `{"base_resp": {"status_code": 1002, "status_msg": …}}`; 0 means success. */
function baseResponse({ base_resp: response }: Fields): unknown {
  if (!isFields(response)) return undefined;
  const { status_code: status, status_msg: message } = response;
  if (typeof status !== 'number' || status === 0) return undefined;
  return { code: STATUS_OF_MINIMAX.get(status) ?? 500, message };
}

/** MiniMax's own codes: rate limits, key, balance, and bad requests. */
const STATUS_OF_MINIMAX: ReadonlyMap<number, number> = new Map([
  [1002, 429],
  [1039, 429],
  [1041, 429],
  [1004, 401],
  [2049, 401],
  [1008, 402],
  [1026, 400],
  [1027, 400],
  [1042, 400],
  [2013, 400],
]);

function hasStatus({ message, code, status, statusCode }: Fields): boolean {
  return typeof message === 'string' && statusIn([code, status, statusCode]) !== undefined;
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && value !== '';
}
