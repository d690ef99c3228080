import { type Case, choice, DONE, describeDialects, frame, HELLO, STOP } from './testing/dialect-server.ts';

const CASES: Readonly<Record<string, Case>> = {
  'bad request, as a number': {
    body: frame({ error: { code: 400, message: 'prompt too long' } }) + DONE,
    code: 'MODEL_ERROR',
    retryable: false,
  },
  'bad request, as a word': {
    body: frame({ error: { type: 'invalid_request_error', code: 'context_length_exceeded' } }),
    code: 'MODEL_ERROR',
    retryable: false,
  },
  quota: {
    body: frame({ error: { code: 'insufficient_quota', message: 'x' } }),
    code: 'MODEL_RATE_LIMITED',
    retryable: false,
  },
  'quota, as a status': {
    body: frame({ error: { code: 402, message: 'add credits' } }),
    code: 'MODEL_RATE_LIMITED',
    retryable: false,
  },
  'a rate limit, before the first word': {
    body: frame({ error: { code: '429', message: 'slow down' } }),
    code: 'MODEL_RATE_LIMITED',
    retryable: true,
    calls: 3,
  },
  ...Object.fromEntries(
    ['insufficient_user_quota', 'exceeded_current_quota_error', 'payment_required', 'Arrearage'].map((code) => [
      `quota, as ${code}`,
      { body: frame({ error: { code, message: 'x' } }), code: 'MODEL_RATE_LIMITED', retryable: false },
    ]),
  ),
  ...Object.fromEntries(
    ['NotFoundError', 'ContextWindowExceededError', 'prompt_too_long', 'UnprocessableEntityError'].map((type) => [
      `bad request, as ${type}`,
      { body: frame({ error: { type, message: 'x' } }), code: 'MODEL_ERROR', retryable: false },
    ]),
  ),
  'a wrapped error': {
    body: frame({ error: { error: { code: 400, message: 'x' } } }),
    code: 'MODEL_ERROR',
    retryable: false,
  },
  'a rate limit that is only a number': {
    body: frame({ error: 429 }),
    code: 'MODEL_RATE_LIMITED',
    retryable: true,
    calls: 3,
  },
  'a rate limit, as the name of a class': {
    body: frame({ error: { type: 'RateLimitError', message: 'x' } }),
    code: 'MODEL_RATE_LIMITED',
    retryable: true,
    calls: 3,
  },
  'a rate limit, as a word': {
    body: frame({ error: { type: 'rate_limit_error' } }),
    code: 'MODEL_RATE_LIMITED',
    retryable: true,
    calls: 3,
  },
  overload: {
    body: frame({ error: { type: 'overloaded_error', message: 'x' } }),
    code: 'MODEL_ERROR',
    retryable: true,
    calls: 3,
  },
  'an error that is a text': { body: HELLO + frame({ error: 'out of memory' }), text: 'Hello', code: 'MODEL_ERROR' },
  'an event named error': { body: `${HELLO}event: error\ndata: it broke\n\n`, text: 'Hello', code: 'MODEL_ERROR' },
  'an event named error that says nothing': {
    body: `${HELLO}event: error\ndata: \n\n${DONE}`,
    text: 'Hello',
    code: 'MODEL_ERROR',
  },
  'a field named error': { body: 'error: {"code":400,"message":"x"}\n\n', code: 'MODEL_ERROR', retryable: false },
  'a field named error, amid the answer': {
    body: `${HELLO}error: {"code":500,"message":"x"}\n\n${DONE}`,
    text: 'Hello',
    code: 'MODEL_ERROR',
  },
  'a bare line of JSON amid the answer': {
    body: `${HELLO}{"error":{"message":"x","code":500}}\n\n${DONE}`,
    text: 'Hello',
    code: 'MODEL_ERROR',
  },
  'a bare text of JSON after a comment': {
    body: ': wait\n\n{"error":{"code":400,"message":"x"}}',
    code: 'MODEL_ERROR',
    retryable: false,
  },
  'an error object of old': {
    body: HELLO + frame({ object: 'error', message: 'x', code: 500 }) + STOP + DONE,
    text: 'Hello',
    code: 'MODEL_ERROR',
  },
  'an error of a choice': {
    body: HELLO + frame({ choices: [{ index: 0, delta: {}, error: { code: 502, message: 'x' } }] }),
    text: 'Hello',
    code: 'MODEL_ERROR',
  },
  'a detail, as web frameworks say it': { body: frame({ detail: 'Not Found' }), code: 'MODEL_ERROR', calls: 3 },
  'an HTTP error whose text never ends': {
    status: 400,
    headers: { 'content-type': 'text/plain' },
    body: 'no '.repeat(200_000),
    ...{ afterwards: 'stay', code: 'MODEL_ERROR', retryable: false },
  },
  'a frame that never ends': {
    body: [HELLO, `data: ${'x'.repeat(9 * 1024 * 1024)}`],
    ...{ afterwards: 'stay', text: 'Hello', code: 'MODEL_ERROR', retryable: true },
  },
  'a list of errors': {
    body: JSON.stringify({ success: false, errors: [{ code: 400, message: 'x' }], result: null }),
    code: 'MODEL_ERROR',
    retryable: false,
  },
  'a list of errors, as words': {
    body: frame({ errors: ['out of memory'] }),
    code: 'MODEL_ERROR',
    calls: 3,
  },
  'an empty list of errors beside an answer': {
    body: choice({ content: 'Hello' }, 'stop', { errors: [] }) + DONE,
    text: 'Hello',
  },
  'a base_resp with a rate limit': {
    body: JSON.stringify({ choices: null, base_resp: { status_code: 1002, status_msg: 'rate limit' } }),
    code: 'MODEL_RATE_LIMITED',
    retryable: true,
    calls: 3,
  },
  'a base_resp with an empty account': {
    body: JSON.stringify({ base_resp: { status_code: 1008, status_msg: 'insufficient balance' } }),
    code: 'MODEL_RATE_LIMITED',
    retryable: false,
  },
  'a base_resp with an unknown code amid the answer': {
    body: HELLO + frame({ choices: [], base_resp: { status_code: 1000, status_msg: 'unknown' } }) + DONE,
    text: 'Hello',
    code: 'MODEL_ERROR',
  },
  'a base_resp that reports success': {
    body: HELLO + choice({}, 'stop', { base_resp: { status_code: 0, status_msg: '' } }) + DONE,
    text: 'Hello',
  },
  'a statusCode': {
    body: JSON.stringify({ statusCode: 429, message: 'Rate limit is exceeded.' }),
    code: 'MODEL_RATE_LIMITED',
    retryable: true,
    calls: 3,
  },
  'a whole body of JSON': {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ error: { code: 400, message: 'x' } }),
    code: 'MODEL_ERROR',
    retryable: false,
  },
  'a whole body that is a list': {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([{ error: { code: 429, status: 'RESOURCE_EXHAUSTED' } }], null, 2),
    code: 'MODEL_RATE_LIMITED',
    calls: 3,
  },
};

describeDialects('an error in a 200', CASES);
