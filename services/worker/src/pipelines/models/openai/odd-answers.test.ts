import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { failureOf } from '../../../attempt/failure.ts';
import { untilFirstEvent } from '../../../attempt/first-event.ts';
import { streamChatModel } from '../../chat/stream-chat-model.ts';
import { CompletionRequests } from './completion-requests.ts';
import { QuickChat } from './quick-chat.ts';

/** What a server answers, and what a job's reader must get of it. */
interface Case {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Buffer | readonly (string | Buffer)[];
  /** the connection afterwards */
  readonly afterwards?: 'close' | 'stay' | 'reset' | 'heartbeats';
  readonly text?: string;
  readonly reasoning?: string;
  readonly toolCalls?: readonly (readonly [callId: string, name: string, args: string])[];
  readonly usage?: readonly [input: number, output: number];
  readonly finishReason?: string;
  /** the code of an error; an answer is `done` without one */
  readonly code?: string;
  readonly retryable?: boolean;
  /** what the request after this one is answered */
  readonly next?: Case;
  /** POSTs in all; 1 when left out */
  readonly calls?: number;
}

const frame = (value: unknown) => `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`;
const choice = (delta: unknown, reason: unknown = null, more: object = {}) =>
  frame({ id: 'c', object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: reason }], ...more });
const say = (content: unknown) => choice({ content });
const call = (...calls: unknown[]) => choice({ tool_calls: calls });
const STOP = choice({}, 'stop');
const CALLS = choice({}, 'tool_calls');
const DONE = 'data: [DONE]\n\n';
const HELLO = say('Hello');
const whole = (message: object, more: object = {}) =>
  JSON.stringify({
    id: 'c',
    object: 'chat.completion',
    choices: [{ index: 0, message, finish_reason: 'stop' }],
    ...more,
  });
const fn = (name: string, args: unknown, more: object = {}) => ({ ...more, function: { name, arguments: args } });

const WORDS: Readonly<Record<string, Case>> = {
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
    body: say([{ type: 'text', text: 'Hello' }]) + say(' world') + STOP + DONE,
    text: 'Hello world',
  },
  'thoughts among the parts': {
    body:
      say([
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
    body: say([{ type: 'refusal', refusal: 'no' }]) + STOP + DONE,
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
    body: HELLO + frame('null') + call(null) + frame('1') + frame('"x"') + frame('[]') + say(' world') + STOP + DONE,
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
  'an empty frame': { body: `${HELLO}data:\n\n${say(' world')}${STOP}${DONE}`, text: 'Hello world' },
  'a named ping': { body: `${HELLO}event: ping\ndata: ping\n\n${say(' world')}${STOP}${DONE}`, text: 'Hello world' },
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
      ...[say('ü🌊')]
        .map((text) => Buffer.from(text))
        .flatMap((all) => [all.subarray(0, -14), all.subarray(-14, -13), all.subarray(-13)]),
      STOP + DONE,
    ],
    text: 'ü🌊',
  },
  'no empty line at the end': { body: (HELLO + STOP).trimEnd(), text: 'Hello' },
};

const ENDS: Readonly<Record<string, Case>> = {
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

const FAULTS: Readonly<Record<string, Case>> = {
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

const CALLED: Readonly<Record<string, Case>> = {
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

const BILLS: Readonly<Record<string, Case>> = {
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
  'usage in Groq’s place': {
    body: HELLO + choice({}, 'stop', { x_groq: { usage: { prompt_tokens: 4, completion_tokens: 1 } } }) + DONE,
    text: 'Hello',
    usage: [4, 1],
  },
};

const WHOLES: Readonly<Record<string, Case>> = {
  'a whole completion': {
    headers: { 'content-type': 'application/json' },
    body: whole({ role: 'assistant', content: 'Hello' }, { usage: { prompt_tokens: 1, completion_tokens: 2 } }),
    text: 'Hello',
    usage: [1, 2],
  },
  'a whole completion that calls itself a stream': { body: `\n ${whole({ content: 'Hello' })}`, text: 'Hello' },
  'a whole completion over many lines': {
    body: JSON.stringify(JSON.parse(whole({ content: 'Hello' })), null, 2),
    text: 'Hello',
  },
  'a whole completion without a finish reason': {
    body: JSON.stringify({ choices: [{ message: { content: 'Hello' } }] }),
    text: 'Hello',
    finishReason: 'stop',
  },
  'one line of JSON, the rest lost': {
    body: `${JSON.stringify({ choices: [{ delta: { content: 'Hello' } }] })}\n`,
    text: 'Hello',
    code: 'MODEL_ERROR',
  },
  'two lines of JSON, the rest lost': {
    body: `${JSON.stringify({ choices: [{ delta: { content: 'Hel' } }] })}\n${JSON.stringify({ choices: [{ delta: { content: 'lo' } }] })}\n`,
    text: 'Hello',
    code: 'MODEL_ERROR',
  },
  'a line of JSON for each chunk': {
    body: `${JSON.stringify({ choices: [{ delta: { content: 'Hel' } }] })}\n${JSON.stringify({ choices: [{ delta: { content: 'lo' }, finish_reason: 'stop' }] })}\n`,
    text: 'Hello',
  },
  ...Object.fromEntries(
    Object.entries({
      gzip: gzipSync,
      deflate: deflateSync,
      br: brotliCompressSync,
      zstd: zstdCompressSync,
      'deflate ': deflateRawSync,
      identity: (whole: Buffer) => whole,
    }).map(([encoding, compress]) => [
      `an answer as ${encoding.replace(' ', ' without its head')}`,
      { headers: { 'content-encoding': encoding }, body: compress(Buffer.from(HELLO + STOP + DONE)), text: 'Hello' },
    ]),
  ),
  'an answer that is not what its encoding says': {
    headers: { 'content-encoding': 'gzip' },
    body: HELLO + STOP + DONE,
    code: 'MODEL_ERROR',
  },
  'an encoding that nobody knows': {
    headers: { 'content-encoding': 'rot13' },
    body: HELLO + STOP + DONE,
    code: 'MODEL_ERROR',
  },
};

const CASES = { ...WORDS, ...ENDS, ...FAULTS, ...CALLED, ...BILLS, ...WHOLES };

let current: Case;
/** called when the model has heard of what was written last */
let heardOf: () => void = () => undefined;
const asked: { stream_options?: unknown }[] = [];
const server = createServer(async (request, response) => {
  asked.push(JSON.parse(Buffer.concat(await request.toArray()).toString()) as object);
  const { status = 200, headers = {}, body, afterwards = 'close' } = current;
  current = current.next ?? current;
  response.writeHead(status, { 'content-type': 'text/event-stream', ...headers });
  if (status !== 204) response.flushHeaders();
  for (const part of Array.isArray(body) ? body : [body]) {
    const read = new Promise<void>((resolve) => {
      heardOf = resolve;
    });
    response.write(part);
    // parts come in reads of their own
    if (Array.isArray(body)) await read;
  }
  if (afterwards === 'close') response.end();
  if (afterwards === 'reset') setTimeout(() => response.socket?.resetAndDestroy(), 50);
  if (afterwards === 'heartbeats') {
    const beat = setInterval(() => response.write(': hb\n\n'), 500);
    response.once('close', () => clearInterval(beat));
  }
});
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  asked.length = 0;
});

type Way = 'past LangChain’s messages' | 'by LangChain’s messages';
const WAYS: readonly Way[] = ['past LangChain’s messages', 'by LangChain’s messages'];

function modelFor(
  way: Way,
  { heard, requests }: { heard?: (said: boolean) => void; requests?: CompletionRequests } = {},
): QuickChat {
  const baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const fields = {
    ...{ model: 'm', apiKey: 'k', maxRetries: 0, streamUsage: true, useResponsesApi: false },
    configuration: { logLevel: 'off' as const, baseURL },
    // whoever listens is told of messages: there is no way past them
    ...(way === 'by LangChain’s messages' ? { callbacks: [{ handleLLMNewToken: () => undefined }] } : {}),
  };
  return new QuickChat(fields, requests, (said) => {
    heardOf();
    heard?.(said);
  });
}

/** What a worker makes of an answer, retries included. */
async function outcomeOf(model: () => QuickChat) {
  const said = { text: '', reasoning: '', toolCalls: [] as string[][] };
  const signal = new AbortController().signal;
  const policy = { retries: 2, minDelayMs: 1, maxDelayMs: 1 };
  try {
    const start = () => streamChatModel(model(), 'hi', { signal });
    const { events, first } = await untilFirstEvent(start, policy, { signal, onRetry: () => undefined });
    let next = first;
    for (; !next.done; next = await events.next()) {
      const { type, data } = next.value;
      if (type === 'text' || type === 'reasoning') said[type] += data.text;
      if (type === 'tool_call') said.toolCalls.push([data.callId, data.name, data.arguments]);
    }
    const { inputTokens, outputTokens } = next.value.usage;
    return { ...said, end: 'done', finishReason: next.value.finishReason, usage: [inputTokens, outputTokens] };
  } catch (error) {
    const { code, retryable } = failureOf(error);
    return { ...said, end: 'error', code, retryable };
  }
}

describe.each(WAYS)('an odd model server, read %s', (way) => {
  it.each(Object.keys(CASES))('%s', async (name) => {
    current = CASES[name] ?? { body: '' };
    const { text = '', reasoning = '', toolCalls = [], usage, finishReason, code, retryable, calls = 1 } = current;
    const requests = new CompletionRequests();
    const outcome = await outcomeOf(() => modelFor(way, { requests }));
    expect(outcome).toMatchObject({
      ...(code === undefined ? { end: 'done' } : { end: 'error', code }),
      ...{ text, reasoning, toolCalls },
      ...(finishReason === undefined ? {} : { finishReason }),
      ...(usage === undefined ? {} : { usage }),
      ...(retryable === undefined ? {} : { retryable }),
    });
    expect(asked).toHaveLength(calls);
  });

  it('hears every sign of life, also those that say nothing', async () => {
    current = { body: [': hb\n\n'], afterwards: 'heartbeats' };
    let heard = 0;
    const thrice = Promise.withResolvers<void>();
    const model = modelFor(way, {
      heard: () => {
        heard += 1;
        if (heard === 3) thrice.resolve();
      },
    });
    const abort = new AbortController();
    const running = streamChatModel(model, 'hi', { signal: abort.signal }).next();
    running.catch(() => undefined);
    await thrice.promise;
    abort.abort();
    await expect(running).rejects.toThrow();
  });

  it.each<[string, Case]>([
    [
      'with a status',
      { status: 400, body: JSON.stringify({ error: { message: 'Unknown parameter: stream_options', code: 400 } }) },
    ],
    [
      'with another status',
      { status: 422, body: JSON.stringify({ detail: [{ loc: ['body', 'stream_options'], msg: 'Extra inputs' }] }) },
    ],
    ['by a server that fails at it', { status: 500, body: "TypeError: unexpected keyword argument 'stream_options'" }],
    [
      'as an object of its own',
      {
        status: 422,
        body: JSON.stringify({ object: 'error', message: { detail: [{ loc: ['body', 'stream_options'] }] } }),
      },
    ],
    ['by a framework, in a 200', { body: JSON.stringify({ detail: [{ loc: ['body', 'stream_options'] }] }) }],
    ['in a stream', { body: frame({ error: { code: 400, message: 'stream_options is not supported' } }) }],
  ])('asks once more without usage where that is refused %s, and remembers it', async (_, refusal) => {
    const answering = { body: HELLO + STOP + DONE };
    current = { ...refusal, headers: { 'content-type': 'application/json' }, next: answering };
    const requests = new CompletionRequests();
    const outcome = await outcomeOf(() => modelFor(way, { requests }));
    expect(outcome).toMatchObject({ end: 'done', text: 'Hello' });
    expect(await outcomeOf(() => modelFor(way, { requests }))).toMatchObject({ end: 'done' });
    expect(asked.map(({ stream_options: question }) => question !== undefined)).toEqual([true, false, false]);
  });

  it('goes on asking for usage where a refusal only quotes the prompt', async () => {
    const quoting = {
      status: 400,
      body: '{"error":{"message":"too long: what are stream_options?"}}',
      code: 'MODEL_ERROR',
    };
    const answering = { body: HELLO + STOP + DONE };
    current = { ...quoting, next: { ...quoting, next: answering } };
    const requests = new CompletionRequests();
    expect(await outcomeOf(() => modelFor(way, { requests }))).toMatchObject({ end: 'error', code: 'MODEL_ERROR' });
    expect(await outcomeOf(() => modelFor(way, { requests }))).toMatchObject({ end: 'done', text: 'Hello' });
    expect(asked.map(({ stream_options: question }) => question !== undefined)).toEqual([true, false, true]);
  });

  it('asks without usage where another server has come behind the same name, which refuses it', async () => {
    const answering: Case = { body: HELLO + STOP + DONE };
    const refusing = { status: 400, body: '{"error":{"message":"Unknown parameter: stream_options"}}' };
    current = { ...answering, next: { ...refusing, next: answering } };
    const requests = new CompletionRequests();
    for (let job = 0; job < 3; job += 1) {
      expect(await outcomeOf(() => modelFor(way, { requests }))).toMatchObject({ end: 'done', text: 'Hello' });
    }
    expect(asked.map(({ stream_options: question }) => question !== undefined)).toEqual([true, true, false, false]);
  });
});
