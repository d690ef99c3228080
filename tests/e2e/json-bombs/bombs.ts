import type { ModelStep } from '@millrace/simulated-model';

export interface Bomb {
  readonly what: string;
  readonly steps: () => Iterable<ModelStep>;
  /** how its job must end: a terminal event, or the code of an error; several where the server's dialect decides */
  readonly ends: readonly string[];
}

const MIB = 1024 * 1024;
const DEEP = 1_000_000;
const deepArray = `${'['.repeat(DEEP)}${']'.repeat(DEEP)}`;
const deepObject = `${'{"a":'.repeat(DEEP)}1${'}'.repeat(DEEP)}`;
const wideObject = (names: number) => `{${Array.from({ length: names }, (_, nth) => `"k${nth}":${nth}`).join()}}`;
const wide = wideObject(200_000);

const frame = (json: string): ModelStep => ({ raw: `data: ${json}\n\n` });
const delta = (fields: string, rest = ''): ModelStep =>
  frame(`{"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{${fields}}${rest}}]}`);
const END = [delta('', ',"finish_reason":"stop"'), { raw: 'data: [DONE]\n\n' }] as const;
const STOP: ModelStep = { cut: true };

/** One step, with the frames of a proper end behind it. */
const once = (step: ModelStep) => () => [step, ...END, STOP];

function* repeated(step: ModelStep, times: number, last: readonly ModelStep[] = [...END, STOP]): Generator<ModelStep> {
  for (let count = 0; count < times; count += 1) yield step;
  yield* last;
}

const call = (index: string, args: string) =>
  delta(`"tool_calls":[{"index":${index},"id":"c${index}","function":{"name":"look","arguments":${args}}}]`);

/** Answers of a model server that make a careless reader slow, large or confused. */
export const BOMBS: readonly Bomb[] = [
  { what: 'deep arrays as choices', steps: once(frame(`{"choices":${deepArray}}`)), ends: ['done', 'MODEL_ERROR'] },
  { what: 'deep objects as a text', steps: once(delta(`"content":${deepObject}`)), ends: ['done', 'MODEL_ERROR'] },
  {
    what: 'deep arrays as reasoning',
    steps: once(delta(`"reasoning_details":${deepArray}`)),
    ends: ['done', 'MODEL_ERROR'],
  },
  { what: 'deep arrays as usage', steps: once(frame(`{"choices":[],"usage":${deepArray}}`)), ends: ['done'] },
  { what: 'deep objects as an error', steps: once(frame(`{"error":${deepObject}}`)), ends: ['MODEL_ERROR'] },
  { what: 'deep arguments', steps: once(call('0', deepObject)), ends: ['done', 'MODEL_ERROR'] },
  { what: 'a wide delta', steps: once(delta(`"content":"x","more":${wide}`)), ends: ['done'] },
  { what: 'wide arguments', steps: once(call('0', wide)), ends: ['done'] },
  {
    what: 'huge numbers',
    steps: once(frame('{"choices":[{"index":1e999,"delta":{"content":"x"}}],"usage":{"prompt_tokens":1e999}}')),
    ends: ['done', 'MODEL_ERROR'],
  },
  {
    what: 'huge counts of tokens',
    steps: once(frame('{"choices":[],"usage":{"prompt_tokens":1e308,"completion_tokens":-1e308,"total_tokens":1e20}}')),
    ends: ['done'],
  },
  { what: 'a huge index of a call', steps: once(call('4294967295', '"{}"')), ends: ['done'] },
  { what: 'a negative index of a call', steps: once(call('-1', '"{}"')), ends: ['done'] },
  {
    what: 'a number of 300,000 digits',
    steps: once(delta(`"content":"x","n":${'9'.repeat(300_000)}`)),
    ends: ['done'],
  },
  {
    what: 'the same name twice',
    steps: once(delta('"content":"a","content":"b"', ',"delta":{"content":"c"}')),
    ends: ['done'],
  },
  {
    what: '__proto__',
    steps: once(delta('"content":"x","__proto__":{"content":"y","isAdmin":true},"constructor":{"prototype":{"z":1}}')),
    ends: ['done'],
  },
  {
    what: 'arguments with __proto__',
    steps: once(call('0', JSON.stringify('{"__proto__":{"isAdmin":true}}'))),
    ends: ['done'],
  },
  { what: 'half of a surrogate pair', steps: once(delta('"content":"a\\ud800b"')), ends: ['done'] },
  { what: 'NUL', steps: once(delta('"content":"a\\u0000b"')), ends: ['done'] },
  { what: 'bytes that are not UTF-8', steps: once({ raw: 'data: {"a":"\udcff"}\n\n' }), ends: ['done', 'MODEL_ERROR'] },
  {
    what: 'a line without end',
    steps: () => repeated({ raw: 'x'.repeat(MIB) }, 100, [STOP]),
    ends: ['MODEL_ERROR'],
  },
  {
    what: 'a frame without end',
    steps: () => [
      { raw: 'data: {"choices":[{"delta":{"content":"' },
      ...repeated({ raw: 'x'.repeat(MIB) }, 100, [STOP]),
    ],
    ends: ['MODEL_ERROR'],
  },
  {
    what: 'lines of data without end',
    steps: () => repeated({ raw: `data: ${'x'.repeat(1_000)}\n`.repeat(1_000) }, 100, [STOP]),
    ends: ['MODEL_ERROR'],
  },
  {
    what: '100 MB of text',
    steps: () => repeated(delta(`"content":"${'x'.repeat(64 * 1024)}"`), 1_600),
    ends: ['MODEL_ERROR'],
  },
  {
    what: '100 MB of arguments',
    steps: () => repeated(call('0', `"${'x'.repeat(64 * 1024)}"`), 1_600),
    ends: ['MODEL_ERROR'],
  },
  {
    what: '2 MB of comments and empty frames',
    steps: () => repeated({ raw: ': x\n\ndata:\n\n'.repeat(1_000) }, 160),
    ends: ['done', 'MODEL_ERROR'],
  },
  {
    what: '20,000 calls',
    steps: () => [...Array.from({ length: 20_000 }, (_, nth) => call(String(nth), '"{}"')), ...END, STOP],
    ends: ['done', 'MODEL_ERROR'],
  },
  {
    what: '20,000 fragments of arguments, each under another id',
    steps: () => [
      ...Array.from({ length: 20_000 }, (_, nth) =>
        delta(`"tool_calls":[{"id":"i${nth}","function":{"name":"look","arguments":"[[[["}}]`),
      ),
      ...END,
      STOP,
    ],
    ends: ['done', 'MODEL_ERROR'],
  },
];

/** Arguments that a model gives an agent's tool. */
export const ARGUMENTS: readonly (readonly [what: string, args: string])[] = [
  ['deep arrays', `{"at":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
  ['deep objects', `{"at":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`],
  ['deep arrays that do not close', `{"at":${'['.repeat(100_000)}`],
  // LangChain's own parser takes a worker's time here, and on a busy machine its lock
  ['wide', wideObject(50_000)],
  ['__proto__', '{"__proto__":{"at":"x"},"constructor":{"prototype":{"at":"y"}}}'],
  ['a huge number', `{"at":${'9'.repeat(100_000)}}`],
  ['the same name twice', '{"at":"a","at":"b"}'],
  ['half of a surrogate pair and NUL', '{"at":"\\ud800\\u0000"}'],
  ['no JSON', 'to: me'],
];
