import { OpenAIClient } from '@langchain/openai';
import { type Fields, isFields } from './fields.ts';

/** Words by which servers name a fault that an HTTP status would tell otherwise. A word stands for all that begin with it. */
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

/** The fault that a frame, or a whole body, reports in place of an answer.
 *  @param named the frame was an event named `error`: whatever it holds is one
 *  @returns the error that the same words would be with an HTTP status; null where nothing is wrong */
export function faultIn(frame: unknown, named: boolean, headers: Headers): Error | null {
  const fields = isFields(frame) ? frame : {};
  const told = fields['error'] ?? firstChoice(fields)['error'];
  if (isSaid(told)) return fault(told, fields, headers);
  const isError = named || fields['object'] === 'error' || fields['type'] === 'error';
  // `{"detail": …}` and `{"message": …, "code": …}` are what web frameworks answer
  const isPlain = fields['choices'] === undefined && (isSaid(fields['detail']) || hasStatus(fields));
  return isError || isPlain ? fault(isFields(frame) ? frame : {}, {}, headers) : null;
}

/** The answer ended in a way that leaves it half: `error`, `abort`. */
export function badEnd(headers: Headers): Error {
  return new OpenAIClient.APIError(undefined, {}, 'the answer ended badly', headers);
}

function fault(given: unknown, around: Fields, headers: Headers): Error {
  const told = innermost(given);
  const fields = isFields(told) ? told : {};
  const words = [
    fields['code'],
    fields['type'],
    fields['status'],
    isFields(told) ? undefined : told,
    around['code'],
    around['status'],
  ];
  const status = statusIn([...words, fields['status_code'], fields['statusCode']]);
  const code = [fields['code'], fields['type']].find((word) => typeof word === 'string');
  const message = textOf(fields['message'] ?? fields['detail'] ?? told);
  return new OpenAIClient.APIError(status, { code, message }, message, headers);
}

/** A complaint is a text, or whatever a framework makes of it: `[{"loc": ["body", "stream_options"], …}]`. No caller sees it. */
function textOf(complaint: unknown): string {
  return typeof complaint === 'string' ? complaint : (JSON.stringify(complaint) ?? '');
}

/** Codes come as numbers, as digits and as words. A number that is no status of a failure tells nothing. */
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
    // each gateway has a word of its own: `insufficient_user_quota`, `exceeded_current_quota_error`
    if (/^[\w.-]+$/.test(code) && word.includes('quota')) return 402;
  }
  return undefined;
}

/** A gateway may wrap the error of the server behind it: `{"error": {"error": {…}}}`. */
function innermost(given: unknown, depth = 0): unknown {
  const isWrapper = isFields(given) && given['code'] === undefined && isSaid(given['error']) && depth < 3;
  return isWrapper ? innermost(given['error'], depth + 1) : given;
}

function firstChoice({ choices }: Fields): Fields {
  const first: unknown = Array.isArray(choices) ? choices[0] : undefined;
  return isFields(first) ? first : {};
}

function hasStatus({ message, code, status }: Fields): boolean {
  return typeof message === 'string' && statusIn([code, status]) !== undefined;
}

function isSaid(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && value !== '';
}
