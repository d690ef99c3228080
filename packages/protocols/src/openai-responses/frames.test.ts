import { describe, expect, it } from '@jest/globals';
import { eventId, type StoredEvent, type StreamEvent } from '@millrace/contracts';
import fc from 'fast-check';
import OpenAI from 'openai';
import { histories, JOB } from '../testing/histories.ts';
import { responsesFormat } from './frames.ts';
import { ResponseCollector } from './whole.ts';

const usage = { inputTokens: 3, outputTokens: 5 };
const timings = { queueMs: 1, firstTokenMs: 2, totalMs: 3 };
const done = (finishReason = 'stop'): StreamEvent => ({ type: 'done', data: { finishReason, usage, timings } });
const accepted: StreamEvent = { type: 'accepted', data: { id: JOB.id, status: 'queued' } };
const started: StreamEvent = { type: 'started', data: { attempt: 1, model: JOB.model } };
const text = (delta: string, messageId?: string): StreamEvent => ({
  type: 'text',
  data: { ...(messageId === undefined ? {} : { messageId }), text: delta },
});
const reasoning = (delta: string): StreamEvent => ({ type: 'reasoning', data: { text: delta } });
const failed: StreamEvent = { type: 'error', data: { code: 'MODEL_ERROR', message: 'no luck', retryable: true } };
const cancelled: StreamEvent = { type: 'cancelled', data: { by: 'owner' } };
const call = (...pieces: string[]): StreamEvent[] => [
  { type: 'tool_call_start', data: { callId: 'c1', name: 'look' } },
  ...pieces.map((each): StreamEvent => ({ type: 'tool_call_delta', data: { callId: 'c1', arguments: each } })),
  { type: 'tool_call', data: { callId: 'c1', name: 'look', arguments: pieces.join('') || '{}' } },
];

function logOf(...events: StreamEvent[]): StoredEvent[] {
  return [accepted, started, ...events].map(({ type, data }, index) => ({
    id: index === 0 ? eventId(0, 1) : eventId(1, index),
    type,
    data: JSON.stringify(data),
  }));
}

function bodyOf(log: readonly StoredEvent[]): string {
  const encoder = responsesFormat.connect(JOB);
  let body = '';
  for (const event of log) {
    const { bytes, outcome } = encoder.encode({ events: [event], replay: false });
    body += bytes?.toString() ?? '';
    if (outcome !== 'continue') break;
  }
  return body;
}

/** The real client, in front of a server that answers with this body. */
function clientOf(body: string): OpenAI {
  const fetch = async () => new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  return new OpenAI({ apiKey: 'k', baseURL: 'http://millrace.test/v1', fetch, maxRetries: 0 });
}

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

async function streamed(...events: StreamEvent[]) {
  const stream = clientOf(bodyOf(logOf(...events))).responses.stream({ model: 'm', input: 'hi' });
  const types: string[] = [];
  for await (const { type } of stream) types.push(type);
  return { types, response: await stream.finalResponse() };
}

function collected(...events: StreamEvent[]) {
  const collector = new ResponseCollector(JOB);
  for (const event of logOf(...events)) collector.add(event);
  return collector;
}

describe('a response, read by the strict reader of openai', () => {
  it('has text, with every event in its order', async () => {
    const { types, response } = await streamed(text('Hel'), text('lo\n"'), done());
    expect(types).toEqual([
      ...['response.created', 'response.in_progress', 'response.output_item.added', 'response.content_part.added'],
      ...['response.output_text.delta', 'response.output_text.delta', 'response.output_text.done'],
      ...['response.content_part.done', 'response.output_item.done', 'response.completed'],
    ]);
    expect(response).toMatchObject({
      ...{ id: `resp_${JOB.id}`, object: 'response', status: 'completed', model: JOB.model, error: null },
      created_at: JOB.createdAt / 1000,
      output_text: 'Hello\n"',
      usage: { input_tokens: 3, output_tokens: 5, total_tokens: 8 },
    });
  });

  it('has reasoning, text and calls as items of their own', async () => {
    const { response } = await streamed(reasoning('hm'), text('I look.'), ...call('{"a":', '1}'), done('tool_calls'));
    expect(response.output).toMatchObject([
      { type: 'reasoning', content: [{ type: 'reasoning_text', text: 'hm' }], status: 'completed' },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'I look.' }], status: 'completed' },
      { type: 'function_call', call_id: 'c1', name: 'look', arguments: '{"a":1}', status: 'completed' },
    ]);
    expect(response.status).toBe('completed');
  });

  it('has a call without arguments, or without pieces', async () => {
    const { response } = await streamed(...call(), done('tool_calls'));
    expect(response.output).toMatchObject([{ type: 'function_call', arguments: '{}' }]);
    const whole: StreamEvent = { type: 'tool_call', data: { callId: 'c1', name: 'look', arguments: '{"a":2}' } };
    expect((await streamed(whole, done())).response.output).toMatchObject([{ name: 'look', arguments: '{"a":2}' }]);
  });

  it('has the messages of an agent, and not the calls that it answers itself', async () => {
    const message = (messageId: string): StreamEvent => ({ type: 'message_start', data: { messageId, node: 'n' } });
    const ended = (messageId: string): StreamEvent => ({
      type: 'message_end',
      data: { messageId, finishReason: 'stop' },
    });
    const result: StreamEvent = {
      type: 'tool_result',
      data: { callId: 'c1', name: 'look', content: 'a cat', isError: false },
    };
    const { response } = await streamed(
      ...[message('m1'), text('I look.'), ...call('{}'), ended('m1'), result],
      ...[message('m2'), message('m3'), text('A ', 'm2'), text('other', 'm3'), text('cat.', 'm2')],
      ...[ended('m2'), ended('m3'), done()],
    );
    expect(response.output.map((item) => (item.type === 'message' ? item.content : item))).toMatchObject([
      [{ text: 'I look.' }],
      [{ text: 'A cat.' }],
      [{ text: 'other' }],
    ]);
  });

  it('has an agent’s question as a call of the function "interrupt"', async () => {
    const asked: StreamEvent = { type: 'interrupt', data: { interruptId: 'i1', value: { ok: '?' }, node: 'n' } };
    const { response } = await streamed(asked, done('interrupt'));
    expect(response.output).toMatchObject([
      { type: 'function_call', call_id: 'i1', name: 'interrupt', arguments: '{"value":{"ok":"?"},"node":"n"}' },
    ]);
  });

  it.each([
    ['length', 'max_output_tokens'],
    ['content_filter', 'content_filter'],
  ])('is incomplete where the model stopped for %s', async (finishReason, reason) => {
    const { types, response } = await streamed(text('half'), done(finishReason));
    expect(types.at(-1)).toBe('response.incomplete');
    expect(response).toMatchObject({ status: 'incomplete', incomplete_details: { reason }, output_text: 'half' });
    expect(collected(text('half'), done(finishReason)).end()).toMatchObject({
      status: 200,
      body: { status: 'incomplete' },
    });
  });

  it('that fails midway throws, and says what there was of it', async () => {
    await expect(streamed(text('half'), failed)).rejects.toThrow('no luck');
    const body = bodyOf(logOf(text('half'), failed));
    const types = [...body.matchAll(/^event: (.*)$/gm)].map(([, type]) => type);
    expect(types.slice(-2)).toEqual(['error', 'response.failed']);
    const last = JSON.parse(body.trimEnd().split('\ndata: ').at(-1) ?? '') as { response: object };
    expect(last.response).toMatchObject({
      ...{ status: 'failed', error: { code: 'server_error', message: 'no luck' } },
      output: [{ status: 'incomplete', content: [{ text: 'half' }] }],
    });
    // also to those who only iterate
    const plain = await clientOf(body).responses.create({ model: 'm', input: 'hi', stream: true });
    await expect(drain(plain)).rejects.toThrow('no luck');
  });

  it('that is cancelled ends as such', async () => {
    const { types, response } = await streamed(text('half'), cancelled);
    expect(types.at(-1)).toBe('response.incomplete');
    expect(response).toMatchObject({ status: 'cancelled', output_text: 'half' });
    expect(collected(text('half'), cancelled).end()).toMatchObject({
      status: 400,
      body: { error: { code: 'cancelled' } },
    });
    expect(collected(text('half'), cancelled).response()).toMatchObject({ status: 'cancelled' });
  });

  it('is the same whole as streamed, for any log of one attempt', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (log) => {
        if (log.some(({ id, type }) => type === 'reset' || !/^[01]-/.test(id))) return;
        const collector = new ResponseCollector(JOB);
        for (const event of log) collector.add(event);
        const last = JSON.parse(bodyOf(log).trimEnd().split('\ndata: ').at(-1) ?? '') as { response: object };
        expect(last.response).toEqual(collector.response());
      }),
    );
  });

  it('never makes the reader throw, whatever was said, as long as no id comes twice', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (log) => {
        if (log.some(({ id }) => !/^[01]-/.test(id)) || log.at(-1)?.type === 'error') return;
        const ids = log.filter(
          ({ type }) => type === 'tool_call_start' || type === 'tool_call' || type === 'interrupt',
        );
        if (ids.length > 1) return;
        const stream = clientOf(bodyOf(log)).responses.stream({ model: 'm', input: 'hi' });
        const numbers: number[] = [];
        for await (const { sequence_number } of stream) numbers.push(sequence_number);
        expect(numbers).toEqual(numbers.map((_, index) => index));
      }),
    );
  });
});
