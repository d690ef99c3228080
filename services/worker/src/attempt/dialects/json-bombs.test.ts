import {
  type Case,
  call,
  choice,
  DONE,
  describeDialects,
  fn,
  frame,
  HELLO,
  STOP,
  text,
} from './testing/dialect-server.ts';

const DEEP = 1_000_000;
const deepArray = `${'['.repeat(DEEP)}${']'.repeat(DEEP)}`;
const deepObject = `${'{"a":'.repeat(DEEP)}1${'}'.repeat(DEEP)}`;
/** as deep as an error's text can be: the rest of it is not read */
const deepError = `{"error":${'{"a":'.repeat(40_000)}1${'}'.repeat(40_000)}}`;
const refused = { code: 'MODEL_ERROR', retryable: false };
/** A delta that JSON.stringify could not write. */
const rawDelta = (fields: string) => `data: {"choices":[{"index":0,"delta":{${fields}}}]}\n\n`;
const fragments = Array.from({ length: 20_000 }, (_, nth) =>
  call(fn(nth === 0 ? 'look' : '', nth === 0 ? '[' : nth === 19_999 ? '1]' : '1,', { id: `id-${nth}` })),
);

/** What a careless reader answers with an overflow of its stack, with nonsense, or late. */
const CASES: Readonly<Record<string, Case>> = {
  'a whole answer, deep': { body: `{"choices":${deepArray}}`, code: 'MODEL_ERROR' },
  'a list of answers, deep': { body: `[{"choices":${deepArray}}]`, code: 'MODEL_ERROR' },
  'a frame, deep': { body: HELLO + frame(`{"choices":${deepArray}}`) + STOP + DONE, text: 'Hello' },
  'the arguments of a call, deep': {
    body: rawDelta(`"tool_calls":[{"id":"c","function":{"name":"look","arguments":${deepObject}}}]`) + STOP + DONE,
    code: 'MODEL_ERROR',
  },
  'an error in the stream, deep': { body: frame(`{"error":${deepObject}}`), ...refused },
  'the message of an error, deep': { body: frame(`{"error":{"message":${deepObject}}}`), ...refused },
  'a refusal, deep': { status: 400, headers: { 'content-type': 'application/json' }, body: deepError, ...refused },
  'counts that no answer has': {
    body:
      HELLO +
      choice({}, 'stop', { usage: { prompt_tokens: 1e308, completion_tokens: 2e15, total_tokens: -1e20 } }) +
      frame('{"choices":[],"usage":{"prompt_tokens":1e999,"completion_tokens":4}}') +
      DONE,
    text: 'Hello',
    usage: [0, 4],
  },
  'arguments under a new id with each of 20,000 fragments': {
    body: [...fragments, STOP, DONE].join(''),
    toolCalls: [['id-0', 'look', `[${'1,'.repeat(19_998)}1]`]],
    finishReason: 'tool_calls',
  },
  'text after deep objects that mean nothing': {
    body: rawDelta(`"content":"Hel","extra":${deepObject}`) + text('lo') + STOP + DONE,
    text: 'Hello',
  },
};

describeDialects('bombs', CASES);
