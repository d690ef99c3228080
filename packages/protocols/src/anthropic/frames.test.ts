import Anthropic from '@anthropic-ai/sdk';
import { describe, expect, it } from '@jest/globals';
import { eventId, type StoredEvent, type StreamEvent } from '@millrace/contracts';
import fc from 'fast-check';
import { histories, JOB } from '../testing/histories.ts';
import { messagesFormat } from './frames.ts';
import { MessageCollector } from './whole.ts';

const usage = { inputTokens: 3, outputTokens: 5 };
const timings = { queueMs: 1, firstTokenMs: 2, totalMs: 3 };
const done = (finishReason = 'stop'): StreamEvent => ({ type: 'done', data: { finishReason, usage, timings } });
const text = (delta: string): StreamEvent => ({ type: 'text', data: { text: delta } });
const failed: StreamEvent = { type: 'error', data: { code: 'MODEL_RATE_LIMITED', message: 'slow', retryable: true } };

function logOf(...events: StreamEvent[]): StoredEvent[] {
  const started: StreamEvent = { type: 'started', data: { attempt: 1, model: JOB.model } };
  return [started, ...events].map(({ type, data }, index) => ({
    ...{ id: eventId(1, index + 1), type },
    data: JSON.stringify(data),
  }));
}

function bodyOf(log: readonly StoredEvent[]): string {
  const encoder = messagesFormat.connect(JOB);
  return log.map((event) => encoder.encode({ events: [event], replay: false }).bytes?.toString() ?? '').join('');
}

/** Read by the real client, in front of a server that answers with this body. */
function streamed(log: readonly StoredEvent[]) {
  const fetch = async () => new Response(bodyOf(log), { headers: { 'content-type': 'text/event-stream' } });
  const client = new Anthropic({ apiKey: 'k', baseURL: 'http://millrace.test', fetch, maxRetries: 0 });
  return client.messages.stream({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] });
}

function collected(log: readonly StoredEvent[]) {
  const collector = new MessageCollector(JOB);
  for (const event of log) collector.add(event);
  return collector.end();
}

describe('a message of Anthropic’s API, read by its client', () => {
  it('has thinking, text and calls as blocks, and is the same whole', async () => {
    const log = logOf(
      ...[{ type: 'reasoning', data: { text: 'hm' } } as const, text('I '), text('look.')],
      { type: 'tool_call_start', data: { callId: 'c1', name: 'look' } },
      { type: 'tool_call_delta', data: { callId: 'c1', arguments: '{"a":' } },
      { type: 'tool_call_delta', data: { callId: 'c1', arguments: '1}' } },
      { type: 'tool_call', data: { callId: 'c1', name: 'look', arguments: '{"a":1}' } },
      { type: 'tool_call', data: { callId: 'c2', name: 'look', arguments: '{}' } },
      done('tool_calls'),
    );
    const message = await streamed(log).finalMessage();
    expect(message).toMatchObject({
      ...{ id: `msg_${JOB.id}`, role: 'assistant', model: JOB.model, stop_reason: 'tool_use' },
      content: [
        { type: 'thinking', thinking: 'hm' },
        { type: 'text', text: 'I look.' },
        { type: 'tool_use', id: 'c1', name: 'look', input: { a: 1 } },
        { type: 'tool_use', id: 'c2', name: 'look', input: {} },
      ],
      usage: { input_tokens: 3, output_tokens: 5 },
    });
    expect(collected(log)).toMatchObject({ status: 200, body: { content: message.content, usage: message.usage } });
  });

  it('has the messages of an agent as blocks, and not the calls that it answers itself', async () => {
    const log = logOf(
      { type: 'message_start', data: { messageId: 'm1' } },
      text('I look.'),
      { type: 'tool_call', data: { callId: 'c1', name: 'look', arguments: '{}' } },
      { type: 'message_start', data: { messageId: 'm2' } },
      text('A cat.'),
      done(),
    );
    const { content, stop_reason } = await streamed(log).finalMessage();
    expect([stop_reason, content]).toMatchObject(['end_turn', [{ text: 'I look.' }, { text: 'A cat.' }]]);
  });

  it.each([
    ['length', 'max_tokens'],
    ['content_filter', 'refusal'],
    ['anything', 'end_turn'],
  ])('says why it stopped: %s', async (finishReason, reason) => {
    expect((await streamed(logOf(text('a'), done(finishReason))).finalMessage()).stop_reason).toBe(reason);
  });

  it.each<[string, StreamEvent[], string, number]>([
    ['fails', [text('half'), failed], 'slow', 400],
    ['is cancelled', [text('half'), { type: 'cancelled', data: { by: 'owner' } }], 'cancelled', 400],
    [
      'asks a person',
      [{ type: 'interrupt', data: { interruptId: 'i', value: 1 } }, done('interrupt')],
      'asks a person',
      400,
    ],
  ])('is an error if the job %s', async (_, events, message, status) => {
    await expect(streamed(logOf(...events)).finalMessage()).rejects.toThrow(message);
    const answer = collected(logOf(...events));
    expect(answer).toMatchObject({ status, headers: { 'x-should-retry': 'false' }, body: { type: 'error' } });
    expect(JSON.stringify(answer.body)).toContain(message);
  });

  it('never makes the reader throw, whatever was said', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (log) => {
        const hasAsked = log.some(({ type }) => type === 'interrupt');
        if (log.some(({ id }) => !/^[01]-/.test(id)) || log.at(-1)?.type !== 'done' || hasAsked) return;
        // the pieces of a call are no JSON in these histories
        if (log.some(({ type }) => type === 'tool_call_delta')) return;
        const { content } = await streamed(log).finalMessage();
        expect(collected(log)).toMatchObject({ status: 200 });
        if (!log.some(({ type }) => type === 'tool_result')) expect(collected(log).body).toMatchObject({ content });
      }),
    );
  });
});
