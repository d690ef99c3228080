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

const CASES: Readonly<Record<string, Case>> = {
  'reasoning by its newer name': {
    body: choice({ reasoning: 'think' }) + HELLO + STOP + DONE,
    reasoning: 'think',
    text: 'Hello',
  },
  'reasoning by two names at once': {
    body:
      choice({ reasoning: 'a', reasoning_content: 'a', reasoning_details: [{ type: 'reasoning.text', text: 'a' }] }) +
      HELLO +
      STOP +
      DONE,
    ...{ reasoning: 'a', text: 'Hello' },
  },
  'reasoning in details alone': {
    body:
      choice({ content: '', reasoning_details: [{ type: 'reasoning.summary', summary: 'so' }] }) + HELLO + STOP + DONE,
    ...{ reasoning: 'so', text: 'Hello' },
  },
  'reasoning as an object': {
    body: choice({ thinking: { content: 'hm' } }) + HELLO + STOP + DONE,
    reasoning: 'hm',
    text: 'Hello',
  },
  'content as parts': {
    body: text([{ type: 'text', text: 'Hello' }]) + text(' world') + STOP + DONE,
    text: 'Hello world',
  },
  'thoughts among the parts': {
    body:
      text([
        { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] },
        { type: 'text', text: 'Hello' },
        'x',
        null,
      ]) +
      STOP +
      DONE,
    ...{ reasoning: 'hm', text: 'Hellox' },
  },
  'a refusal': {
    body: choice({ refusal: 'I can’t help' }) + STOP + DONE,
    text: 'I can’t help',
    finishReason: 'content_filter',
  },
  'a refusal among the parts': {
    body: text([{ type: 'refusal', refusal: 'no' }]) + STOP + DONE,
    text: 'no',
    finishReason: 'content_filter',
  },
  'a message in place of a delta': {
    body: frame({ choices: [{ index: 0, message: { content: 'Hello world' }, finish_reason: 'stop' }] }) + DONE,
    text: 'Hello world',
  },
  'the whole message once more after its deltas': {
    body: HELLO + frame({ choices: [{ message: { content: 'Hello' }, finish_reason: 'stop' }] }) + DONE,
    text: 'Hello',
  },
  'a reason to stop that is the word null': {
    body: [choice({ content: 'Hel' }, 'null'), choice({ content: 'lo' }, 'null') + STOP + DONE],
    ...{ text: 'Hello', finishReason: 'stop' },
  },
  'no reason to stop, and the end in a read of its own': {
    body: [HELLO, DONE],
    ...{ text: 'Hello', finishReason: 'stop' },
  },
  'half a frame after the reason to stop': { body: `${HELLO}${STOP}data: {"choices":[],"usa`, text: 'Hello' },
  'an error in a list amid the answer': {
    body: HELLO + frame([{ error: { code: 503 } }]) + DONE,
    ...{ text: 'Hello', code: 'MODEL_ERROR' },
  },
  'usage in the choice': {
    body:
      HELLO +
      frame({
        choices: [{ delta: {}, finish_reason: 'stop', usage: { prompt_tokens: 9, completion_tokens: 3 } }],
      }) +
      DONE,
    ...{ text: 'Hello', usage: [9, 3] },
  },
  'a message beside an empty delta': {
    body: frame({ choices: [{ delta: {}, message: { content: 'Hello' }, finish_reason: 'stop' }] }) + DONE,
    text: 'Hello',
  },
  'a message that repeats what the deltas said, beside an empty delta': {
    body: HELLO + frame({ choices: [{ delta: {}, message: { content: 'Hello' }, finish_reason: 'stop' }] }) + DONE,
    text: 'Hello',
  },
  'a message that repeats what the deltas said, with text that they did not': {
    body:
      choice({ reasoning: 'hm' }) +
      frame({ choices: [{ message: { reasoning: 'hm', content: 'Hello' }, finish_reason: 'stop' }] }) +
      DONE,
    ...{ reasoning: 'hm', text: 'Hello' },
  },
  'a message that repeats calls': {
    body:
      call({ index: 0, ...fn('f', '{}', { id: 'c' }) }) +
      frame({ choices: [{ message: { tool_calls: [fn('f', '{}', { id: 'c' })] }, finish_reason: 'tool_calls' }] }) +
      DONE,
    toolCalls: [['c', 'f', '{}']],
  },
  'the text so far beside each delta': {
    body:
      frame({ choices: [{ delta: { content: 'Hel' }, message: { content: 'Hel' } }] }) +
      frame({ choices: [{ delta: { content: 'lo' }, message: { content: 'Hello' }, finish_reason: 'stop' }] }) +
      DONE,
    text: 'Hello',
  },
  'a message with each part': {
    body:
      choice({ role: 'assistant' }) +
      frame({ choices: [{ message: { content: 'Hel' } }] }) +
      frame({ choices: [{ message: { content: 'lo' }, finish_reason: 'stop' }] }) +
      DONE,
    text: 'Hello',
  },
  'a delta that is a text': { body: frame({ choices: [{ index: 0, delta: 'Hello' }] }) + STOP + DONE, text: 'Hello' },
  'text as completions of old have it': {
    body: frame({ choices: [{ index: 0, text: 'Hello', finish_reason: null }] }) + STOP + DONE,
    text: 'Hello',
  },
  'null in the stream': {
    body: HELLO + frame('null') + call(null) + frame('1') + frame('"x"') + frame('[]') + text(' world') + STOP + DONE,
    text: 'Hello world',
  },
  'deltas that are none': {
    body:
      HELLO +
      choice(null) +
      frame({ choices: [{}] }) +
      frame({ choices: [null] }) +
      frame({ choices: null }) +
      STOP +
      DONE,
    text: 'Hello',
  },
  'an empty frame': { body: `${HELLO}data:\n\n${text(' world')}${STOP}${DONE}`, text: 'Hello world' },
  'a named ping': { body: `${HELLO}event: ping\ndata: ping\n\n${text(' world')}${STOP}${DONE}`, text: 'Hello world' },
  'frames of another kind': {
    body: HELLO + frame({ type: 'ping' }) + frame({ object: 'x', sources: [] }) + STOP + DONE,
    text: 'Hello',
  },
  'names on the frames of the answer': {
    body: `event: completion\n${HELLO}event: completion\n${STOP}${DONE}`,
    text: 'Hello',
  },
  'the second choice before the first': {
    body:
      frame({
        choices: [
          { index: 1, delta: { content: 'no' } },
          { index: 0, delta: { content: 'Hello' } },
        ],
      }) +
      STOP +
      DONE,
    text: 'Hello',
  },
  'carriage returns, a mark at the beginning, no blanks': {
    body: `\uFEFF${(HELLO + STOP + DONE).replaceAll('\n', '\r\n').replaceAll('data: ', 'data:')}`,
    text: 'Hello',
  },
  'a character cut in two': {
    body: [
      ...[text('ü🌊')]
        .map((text) => Buffer.from(text))
        .flatMap((all) => [all.subarray(0, -14), all.subarray(-14, -13), all.subarray(-13)]),
      STOP + DONE,
    ],
    text: 'ü🌊',
  },
  'no empty line at the end': { body: (HELLO + STOP).trimEnd(), text: 'Hello' },
};

describeDialects('the content of an answer', CASES);
