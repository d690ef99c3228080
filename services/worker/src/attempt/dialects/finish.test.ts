import { type Case, call, choice, DONE, describeDialects, fn, frame, HELLO, STOP } from './testing/dialect-server.ts';

const CASES: Readonly<Record<string, Case>> = {
  'no finish reason but [DONE]': { body: HELLO + DONE, text: 'Hello', finishReason: 'stop' },
  'calls, no finish reason but [DONE]': {
    body: call(fn('f', '{}', { id: 'c' })) + DONE,
    toolCalls: [['c', 'f', '{}']],
    finishReason: 'tool_calls',
  },
  'an empty finish reason first': {
    body: choice({ content: 'Hello' }, '') + STOP + DONE,
    text: 'Hello',
    finishReason: 'stop',
  },
  'a finish reason beside the text': { body: choice({ content: 'Hello' }, 'stop') + DONE, text: 'Hello' },
  'a finish reason in capitals': {
    body: HELLO + choice({}, 'MAX_TOKENS') + DONE,
    text: 'Hello',
    finishReason: 'length',
  },
  'another word for stop': { body: HELLO + choice({}, 'eos') + DONE, text: 'Hello', finishReason: 'stop' },
  'finish reason error': { body: HELLO + choice({}, 'error') + DONE, text: 'Hello', code: 'MODEL_ERROR' },
  ...Object.fromEntries(
    [
      'ERROR_TOXIC',
      'USER_CANCEL',
      'network_error',
      'interrupted',
      'timed_out',
      'exception',
      'UNEXPECTED_TOOL_CALL',
    ].map((word) => [
      `finish reason ${word}`,
      { body: HELLO + choice({}, word) + DONE, text: 'Hello', code: 'MODEL_ERROR' },
    ]),
  ),
  'finish reason incomplete': {
    body: HELLO + call({ index: 0, ...fn('f', '{"a":', { id: 'c' }) }) + choice({}, 'incomplete') + DONE,
    text: 'Hello',
    finishReason: 'length',
  },
  'another word for a filter': {
    body: HELLO + choice({}, 'sensitive') + DONE,
    text: 'Hello',
    finishReason: 'content_filter',
  },
  'a stop reason beside the text': {
    body: HELLO + frame({ choices: [{ index: 0, delta: { content: '!' }, stop_reason: 'max_tokens' }] }) + DONE,
    text: 'Hello!',
    finishReason: 'length',
  },
  'finish reason abort beside text': {
    body: HELLO + choice({ content: '!' }, 'abort') + DONE,
    text: 'Hello!',
    code: 'MODEL_ERROR',
  },
  'heartbeats and no [DONE] after the finish reason': { body: HELLO + STOP, afterwards: 'heartbeats', text: 'Hello' },
  'silence after the finish reason': { body: HELLO + STOP, afterwards: 'stay', text: 'Hello' },
  'a reset after the finish reason': { body: HELLO + STOP, afterwards: 'reset', text: 'Hello' },
  'a reset before it': { body: HELLO, afterwards: 'reset', text: 'Hello', code: 'MODEL_ERROR', retryable: true },
  'an early end': { body: HELLO, text: 'Hello', code: 'MODEL_ERROR', retryable: true },
  'broken JSON after the finish reason': { body: `${HELLO}${STOP}data: {"x\n\n${DONE}`, text: 'Hello' },
  'broken JSON': { body: `${HELLO}data: {"choices":[{\n\n${STOP}${DONE}`, text: 'Hello', code: 'MODEL_ERROR' },
  'nothing but [DONE]': { body: DONE, code: 'MODEL_ERROR' },
  'an empty body': { body: '', code: 'MODEL_ERROR' },
  '204': { status: 204, body: '', code: 'MODEL_ERROR' },
  'a page of HTML': {
    headers: { 'content-type': 'text/html' },
    body: '<!doctype html><p>Welcome',
    code: 'MODEL_ERROR',
  },
  'a redirect': {
    status: 307,
    headers: { location: '/v1/elsewhere' },
    body: '',
    code: 'MODEL_ERROR',
    retryable: false,
  },
  ...Object.fromEntries(
    [301, 302, 303, 307, 308].flatMap((status) => {
      const moved = { status, body: 'moved', code: 'MODEL_ERROR', retryable: false };
      return [
        [`a redirect ${status} to another server`, { ...moved, headers: { location: 'http://127.0.0.1:1/' } }],
        [`a redirect ${status} to nowhere`, moved],
      ];
    }),
  ),
};

describeDialects('the end of an answer', CASES);
