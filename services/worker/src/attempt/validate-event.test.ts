import { describe, expect, it } from '@jest/globals';
import { MalformedEvent } from './attempt-errors.ts';
import { validateEvent, validateResult } from './validate-event.ts';

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
