import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { rawRequest } from '@millrace/testing';
import { idOf, SystemHarness } from './system-harness.ts';

let system: SystemHarness;
beforeAll(async () => {
  system = await SystemHarness.start();
});
afterAll(() => system[Symbol.asyncDispose]());

const MEBIBYTE = 'täglich 😀 '.repeat(100_000).slice(0, 1_048_576);

const ANSWERS: readonly [what: string, deltas: readonly string[]][] = [
  ['line ends of every kind', ['a\nb', '\r', '\n', '\r\n\r\n', '\n\n', 'end\n']],
  ['what looks like SSE itself', ['data: x\n\n', 'id: 9-9\nevent: done\ndata: {}\n\n', ': comment\n', 'retry: 1\n']],
  ['the line separators of Unicode', ['a\u2028b', '\u2029', '\u0085']],
  ['an emoji split over two deltas', ['before \ud83d', '\ude00 after', ' \ud83d\udc69\u200d', '\ud83d\udcbb']],
  ['spaces that a trim would take', [' ', ' leading', 'trailing ', '   ', '\t']],
  ['one mebibyte in one delta', [MEBIBYTE]],
  ['JSON in the text', ['{"text":"\\n"}', '"', '\\', '\\u0041']],
];

describe('the exact text arrives (PROTOCOL §3)', () => {
  it.each(ANSWERS)('%s: as SSE, as bare text, and in the job', async (what, deltas) => {
    system.model.answer(deltas, { to: what });
    const whole = deltas.join('');

    await using stream = await system.ask(what);
    await stream.collect();
    expect(stream.text()).toBe(whole);
    expect(stream.terminal()?.event).toBe('done');
    expect(await stream.ended).toBe('clean');

    const body = JSON.stringify({ query: what });
    const headers = { 'content-type': 'application/json', accept: 'text/plain' };
    const bare = await rawRequest(`${system.url}/jobs`, { headers, body });
    expect(bare.end).toBe('clean');
    expect(bare.bytes.toString('utf8')).toBe(whole);

    expect(await system.job(idOf(stream))).toMatchObject({ status: 'completed', text: whole });
  });
});

describe('a job from end to end', () => {
  it('emits accepted, started, its text and done, in this order, with usage and timings', async () => {
    system.model.answer(['one', ' two'], { to: 'order', usage: { inputTokens: 3, outputTokens: 2 }, stepMs: 30 });
    await using stream = await system.ask('order');
    const events = await stream.collect();
    const id = idOf(stream);
    expect(events.map(({ event }) => event)).toEqual(['accepted', 'started', 'message', 'message', 'done']);
    expect(events[0]?.data).toEqual({ id, status: 'queued' });
    expect(events[1]?.data).toEqual({ attempt: 1, model: 'openai:gpt-4o-mini' });
    expect(events.at(-1)?.data).toEqual({
      finishReason: 'stop',
      usage: { inputTokens: 3, outputTokens: 2 },
      timings: { queueMs: expect.any(Number), firstTokenMs: expect.any(Number), totalMs: expect.any(Number) },
    });
    expect(stream.retryHints).toHaveLength(1);
    const { headers } = stream.response;
    expect(headers.get('location')).toBe(`/jobs/${id}`);
    expect(headers.get('cache-control')).toBe('no-cache, no-transform');
  });

  it('serves the alias of the path', async () => {
    system.model.answer(['same'], { to: 'alias' });
    const headers = { 'content-type': 'application/json', accept: 'text/plain' };
    const answer = await fetch(`${system.url}/api/langchain`, { method: 'POST', headers, body: '{"query":"alias"}' });
    expect([answer.status, await answer.text()]).toEqual([200, 'same']);
  });

  it('passes reasoning and tool calls on in the model’s order', async () => {
    const toolCall = { id: 'call_1', name: 'look_up', arguments: '{"sky":"blue"}' };
    system.model.answer([{ reasoning: 'hm' }, { reasoning: ' so' }, 'text', { toolCall }], { to: 'tools' });
    await using stream = await system.ask('tools');
    const events = await stream.collect();
    const reasoning = events.filter(({ event }) => event === 'reasoning').map(({ data }) => data.text);
    expect(reasoning.join('')).toBe('hm so');
    expect(events.find(({ event }) => event === 'tool_call')?.data).toEqual({
      callId: 'call_1',
      name: 'look_up',
      arguments: '{"sky":"blue"}',
    });
    expect(stream.terminal()?.data).toMatchObject({ finishReason: 'tool_calls' });
  });
});
