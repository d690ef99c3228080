import { describe, expect, it } from '@jest/globals';
import { MalformedEvent } from './attempt-errors.ts';
import { isEmptyDelta, validateEvent, validateResult } from './validate-event.ts';

const SECRET = 'the prompt';
const circular: Record<string, unknown> = {};
circular['self'] = circular;
const call = { callId: 'c1', name: 'clock', arguments: '{}' };
const result = { callId: 'c1', name: 'clock', content: '12:00', isError: false };

function fault(check: () => unknown): unknown {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof MalformedEvent)) throw error;
    expect(error.message).not.toContain(SECRET);
    return error.field;
  }
}

describe('an event of a pipeline', () => {
  it.each<[string, unknown]>([
    ['text', { type: 'text', data: { text: 'a' } }],
    ['reasoning', { type: 'reasoning', data: { text: '' } }],
    ['a tool call', { type: 'tool_call', data: call }],
    ['text of one message', { type: 'text', data: { messageId: 'm1', text: 'a' } }],
    ['the start of a message', { type: 'message_start', data: { messageId: 'm1', node: 'n', namespace: ['g'] } }],
    ['the end of a message', { type: 'message_end', data: { messageId: 'm1', finishReason: 'stop' } }],
    ['the start of a tool call', { type: 'tool_call_start', data: { callId: 'c1', name: 'clock' } }],
    ['a piece of a tool call', { type: 'tool_call_delta', data: { callId: 'c1', arguments: '{' } }],
    ['whatever it wants', { type: 'custom', data: { name: 'n', data: [null, { a: 1 }] } }],
    ['a state', { type: 'state', data: { mode: 'values', data: { a: 1 } } }],
    ['a question', { type: 'interrupt', data: { interruptId: 'i1', value: 'May I?' } }],
    ['a tool’s result', { type: 'tool_result', data: result }],
  ])('may be %s', (_, event) => {
    expect(validateEvent(event, 'p')).toEqual(event);
  });

  it('loses unknown fields', () => {
    const event = { type: 'text', data: { text: 'a', extra: circular }, id: '9-9' };
    expect(validateEvent(event, 'p')).toEqual({ type: 'text', data: { text: 'a' } });
    const tool = { type: 'tool_call', data: { ...call, extra: circular } };
    expect(validateEvent(tool, 'p')).toEqual({ type: 'tool_call', data: call });
  });

  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'type'],
    ['null', null, 'type'],
    ['a bare string', SECRET, 'type'],
    ['an event of the worker’s', { type: 'done', data: {} }, 'type'],
    ['an unknown type', { type: SECRET, data: {} }, 'type'],
    ['text without data', { type: 'text' }, 'text: data.text'],
    ['text of null', { type: 'text', data: null }, 'text: data.text'],
    ['text that is an object', { type: 'text', data: { text: { SECRET } } }, 'text: data.text'],
    ['reasoning that is a list', { type: 'reasoning', data: { text: [SECRET] } }, 'reasoning: data.text'],
    ['a call without data', { type: 'tool_call' }, 'tool_call: data'],
    [
      'arguments as an object',
      { type: 'tool_call', data: { ...call, arguments: { SECRET } } },
      'tool_call: data.arguments',
    ],
    ['circular content', { type: 'tool_result', data: { ...result, content: circular } }, 'tool_result: data.content'],
    ['content as a number', { type: 'tool_result', data: { ...result, content: 1n } }, 'tool_result: data.content'],
    ['a custom event without data', { type: 'custom', data: { name: 'n' } }, 'custom: data.data'],
    ['custom data in a circle', { type: 'custom', data: { data: circular } }, 'custom: data.data'],
    ['a message without an id', { type: 'message_start', data: {} }, 'message_start: data.messageId'],
    ['text of a message that has no name', { type: 'text', data: { messageId: 7, text: 'a' } }, 'text: data.messageId'],
    ['no isError', { type: 'tool_result', data: { ...result, isError: undefined } }, 'tool_result: data.isError'],
  ])('may not be %s', (_, event, field) => {
    expect(fault(() => validateEvent(event, 'p'))).toBe(field);
  });
});

describe('the result of a pipeline', () => {
  const usage = { inputTokens: 1, outputTokens: 2 };

  it('may be nothing, or a finish reason and usage', () => {
    expect([validateResult(undefined, 'p'), validateResult(null, 'p')]).toEqual([undefined, undefined]);
    expect(validateResult({ finishReason: 'stop', usage }, 'p')).toEqual({ finishReason: 'stop', usage });
  });

  it.each<[unknown, string]>([
    [SECRET, 'result'],
    [{ usage }, 'result: finishReason'],
    [{ finishReason: 'stop' }, 'result: usage'],
    [{ finishReason: 'stop', usage: { ...usage, outputTokens: Number.NaN } }, 'result: usage.outputTokens'],
    [{ finishReason: 'stop', usage: { ...usage, inputTokens: '1' } }, 'result: usage.inputTokens'],
  ])('may not be %p', (returned, field) => {
    expect(fault(() => validateResult(returned, 'p'))).toBe(field);
  });
});

describe('an empty delta', () => {
  it('is an empty piece of text, reasoning or arguments, and nothing else', () => {
    expect(isEmptyDelta({ type: 'text', data: { text: '' } })).toBe(true);
    expect(isEmptyDelta({ type: 'tool_call_delta', data: { callId: 'c', arguments: '' } })).toBe(true);
    expect(isEmptyDelta({ type: 'text', data: { text: ' ' } })).toBe(false);
    expect(isEmptyDelta({ type: 'custom', data: { data: '' } })).toBe(false);
  });
});
