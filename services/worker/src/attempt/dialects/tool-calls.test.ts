import { CALLS, type Case, call, choice, DONE, describeDialects, fn, frame, HELLO } from './testing/dialect-server.ts';

const CASES: Readonly<Record<string, Case>> = {
  'two calls under one index': {
    body:
      call({ index: 0, ...fn('weather', '{"city":"A"}', { id: 'c1' }) }) +
      call({ index: 0, ...fn('time', '{"tz":"UTC"}', { id: 'c2' }) }) +
      CALLS +
      DONE,
    toolCalls: [
      ['c1', 'weather', '{"city":"A"}'],
      ['c2', 'time', '{"tz":"UTC"}'],
    ],
  },
  'two calls under one index, without ids': {
    body: call({ index: 0, ...fn('weather', '{}') }) + call({ index: 0, ...fn('time', '{}') }) + CALLS + DONE,
    toolCalls: [
      ['call_0', 'weather', '{}'],
      ['call_1', 'time', '{}'],
    ],
  },
  'no index at all': {
    body: call(fn('f', '{"a":', { id: 'c' })) + call({ function: { arguments: '1}' } }) + CALLS + DONE,
    toolCalls: [['c', 'f', '{"a":1}']],
  },
  'two without an index in one frame': {
    body: call(fn('f', '{}', { id: 'a' }), fn('g', '{}', { id: 'b' })) + CALLS + DONE,
    toolCalls: [
      ['a', 'f', '{}'],
      ['b', 'g', '{}'],
    ],
  },
  'id and name with every part': {
    body:
      call({ index: 0, ...fn('f', '{"a":', { id: 'c' }) }) +
      call({ index: 0, ...fn('f', '1}', { id: 'c' }) }) +
      CALLS +
      DONE,
    toolCalls: [['c', 'f', '{"a":1}']],
  },
  'a new id with each fragment': {
    body:
      call({ index: 0, ...fn('f', '', { id: 'x1' }) }) +
      call({ index: 0, id: 'x2', function: { arguments: '{"a":1}' } }) +
      CALLS +
      DONE,
    toolCalls: [['x1', 'f', '{"a":1}']],
  },
  'an empty id later': {
    body:
      call({ index: 0, ...fn('f', '', { id: 'c' }) }) +
      call({ index: 0, id: '', function: { name: null, arguments: '{}' } }) +
      CALLS +
      DONE,
    toolCalls: [['c', 'f', '{}']],
  },
  'another id with every part': {
    body:
      call({ index: 0, ...fn('f', '', { id: 'c1' }) }) +
      call({ index: 0, id: 'c2', function: { arguments: '{"a":' } }) +
      call({ index: 0, id: 'c3', function: { arguments: '1}' } }) +
      CALLS +
      DONE,
    toolCalls: [['c1', 'f', '{"a":1}']],
  },
  'another id, and the name, with every part': {
    body:
      call({ index: 0, ...fn('f', '{"a":', { id: 'c1' }) }) +
      call({ index: 0, ...fn('f', '1}', { id: 'c2' }) }) +
      CALLS +
      DONE,
    toolCalls: [['c1', 'f', '{"a":1}']],
  },
  'one id under two indexes': {
    body:
      call({ index: 0, ...fn('f', '{"a":1}', { id: 'c' }) }) +
      call({ index: 1, ...fn('g', '{"b":', { id: 'c' }) }) +
      call({ index: 1, id: 'c', function: { arguments: '2}' } }) +
      CALLS +
      DONE,
    toolCalls: [
      ['c', 'f', '{"a":1}'],
      ['c', 'g', '{"b":2}'],
    ],
  },
  'two calls of one tool under one index, without arguments': {
    body:
      call({ index: 0, ...fn('f', '', { id: 'a' }) }) + call({ index: 0, ...fn('f', '', { id: 'b' }) }) + CALLS + DONE,
    toolCalls: [
      ['a', 'f', '{}'],
      ['b', 'f', '{}'],
    ],
  },
  'two calls under one index, whose arguments are empty objects': {
    body: call({ index: 0, ...fn('f', {}) }) + call({ index: 0, ...fn('g', {}) }) + CALLS + DONE,
    toolCalls: [
      ['call_0', 'f', '{}'],
      ['call_1', 'g', '{}'],
    ],
  },
  'two calls whose parts take turns': {
    body:
      call({ index: 0, ...fn('f', '{"a"', { id: 'a' }) }, { index: 1, ...fn('g', '{"b"', { id: 'b' }) }) +
      call({ index: 1, function: { arguments: ':2}' } }, { index: 0, function: { arguments: ':1}' } }) +
      CALLS +
      DONE,
    toolCalls: [
      ['a', 'f', '{"a":1}'],
      ['b', 'g', '{"b":2}'],
    ],
  },
  'an empty object before the arguments': {
    body:
      call({ index: 0, ...fn('f', {}, { id: 'c' }) }) +
      call({ index: 0, function: { arguments: '{"a":1}' } }) +
      CALLS +
      DONE,
    toolCalls: [['c', 'f', '{"a":1}']],
  },
  'arguments of no tool': {
    body: call({ index: 0, id: 'c', function: { arguments: '{}' } }) + CALLS + DONE,
    code: 'MODEL_ERROR',
  },
  'no id': { body: call({ index: 0, ...fn('f', '{}') }) + CALLS + DONE, toolCalls: [['call_0', 'f', '{}']] },
  'arguments as an object': {
    body: call({ index: 0, ...fn('f', { city: 'A' }, { id: 'c' }) }) + CALLS + DONE,
    toolCalls: [['c', 'f', '{"city":"A"}']],
  },
  'no arguments': {
    body: call({ index: 0, ...fn('f', '', { id: 'c' }) }) + CALLS + DONE,
    toolCalls: [['c', 'f', '{}']],
  },
  'arguments that are null': {
    body: call({ index: 0, ...fn('f', null, { id: 'c' }) }) + CALLS + DONE,
    toolCalls: [['c', 'f', '{}']],
  },
  'a function call of old': {
    body:
      choice({ function_call: { name: 'f', arguments: '{"a"' } }) +
      choice({ function_call: { arguments: ':1}' } }) +
      choice({}, 'function_call') +
      DONE,
    toolCalls: [['call_0', 'f', '{"a":1}']],
    finishReason: 'tool_calls',
  },
  'calls of a message': {
    body:
      frame({
        choices: [
          { message: { content: null, tool_calls: [fn('f', '{}', { id: 'c' })] }, finish_reason: 'tool_calls' },
        ],
      }) + DONE,
    toolCalls: [['c', 'f', '{}']],
  },
  'arguments that are no JSON': {
    body: call({ index: 0, ...fn('f', '{"a":', { id: 'c' }) }) + CALLS + DONE,
    code: 'MODEL_ERROR',
  },
  'arguments cut at the limit': {
    body: HELLO + call({ index: 0, ...fn('f', '{"a":', { id: 'c' }) }) + choice({}, 'length') + DONE,
    text: 'Hello',
    finishReason: 'length',
  },
};

describeDialects('tool calls', CASES);
