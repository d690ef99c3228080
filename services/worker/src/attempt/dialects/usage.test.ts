import { type Case, choice, DONE, describeDialects, frame, HELLO, STOP } from './testing/dialect-server.ts';

const CASES: Readonly<Record<string, Case>> = {
  'usage that is no count': {
    body: HELLO + STOP + frame({ choices: [], usage: { prompt_tokens: 5.5, completion_tokens: '7' } }) + DONE,
    text: 'Hello',
    usage: [5, 7],
  },
  'usage below zero, null, a text': {
    body:
      HELLO +
      STOP +
      frame({ choices: [], usage: { prompt_tokens: -1, completion_tokens: null } }) +
      frame({ choices: [], usage: 'free' }) +
      DONE,
    text: 'Hello',
    usage: [0, 0],
  },
  'usage by its other names': {
    body: HELLO + STOP + frame({ choices: [], usage: { input_tokens: 2, output_tokens: 3 } }) + DONE,
    text: 'Hello',
    usage: [2, 3],
  },
  'usage that counts up with each chunk': {
    body:
      choice({ content: 'Hel' }, null, { usage: { prompt_tokens: 3, completion_tokens: 1 } }) +
      choice({ content: 'lo' }, 'stop', { usage: { prompt_tokens: 3, completion_tokens: 2 } }) +
      DONE,
    text: 'Hello',
    usage: [3, 2],
  },
  'usage in halves': {
    body:
      choice({ content: 'Hello' }, null, { usage: { prompt_tokens: 7 } }) +
      STOP +
      frame({ choices: [], usage: { completion_tokens: 5 } }) +
      DONE,
    text: 'Hello',
    usage: [7, 5],
  },
  'usage in halves, each with a zero for the other': {
    body:
      choice({ content: 'Hello' }, null, { usage: { prompt_tokens: 7, completion_tokens: 0, total_tokens: 7 } }) +
      STOP +
      frame({ choices: [], usage: { prompt_tokens: 0, completion_tokens: 5, total_tokens: 5 } }) +
      DONE,
    text: 'Hello',
    usage: [7, 5],
  },
  'usage in Groq’s place': {
    body: HELLO + choice({}, 'stop', { x_groq: { usage: { prompt_tokens: 4, completion_tokens: 1 } } }) + DONE,
    text: 'Hello',
    usage: [4, 1],
  },
};

describeDialects('usage', CASES);
