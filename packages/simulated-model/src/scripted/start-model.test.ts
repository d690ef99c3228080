import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createParser } from 'eventsource-parser';
import { endless } from './model-step.ts';
import { type SimulatedModel, startModel } from './start-model.ts';

let model: SimulatedModel;
beforeEach(async () => {
  model = await startModel();
});
afterEach(() => model[Symbol.asyncDispose]());

interface Chunk {
  readonly choices: { delta: { content?: string; tool_calls?: object[] }; finish_reason: string | null }[];
  readonly usage?: object;
}

function ask(prompt: string, { stream = true, signal }: { stream?: boolean; signal?: AbortSignal } = {}) {
  const messages = [{ role: 'user', content: prompt }];
  const body = JSON.stringify({ model: 'simulated', messages, stream, stream_options: { include_usage: true } });
  return fetch(`${model.baseUrl}/chat/completions`, { method: 'POST', body, ...(signal ? { signal } : {}) });
}

function chunksOf(text: string): Chunk[] {
  const chunks: Chunk[] = [];
  const parser = createParser({ onEvent: ({ data }) => data !== '[DONE]' && chunks.push(JSON.parse(data)) });
  parser.feed(text);
  return chunks;
}

describe('SimulatedModel', () => {
  it('streams deltas with exactly the boundaries it was given', async () => {
    const deltas = ['a\n\nb', '\r', 'data: x\u2028', '\ud83d', '\ude00', 'x'.repeat(1024 * 1024)];
    model.answer(deltas);
    const chunks = chunksOf(await (await ask('anything')).text());
    const said = chunks.map(({ choices }) => choices[0]?.delta.content).filter(Boolean);
    expect(said).toEqual(deltas);
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('stop');
    expect(chunks.at(-1)?.usage).toEqual({ prompt_tokens: 1, completion_tokens: 6, total_tokens: 7 });
  });

  it('answers whole when no stream is asked for', async () => {
    model.answer(['Hel', 'lo', { toolCall: { id: 'c1', name: 'look', arguments: '{"at":1}' } }]);
    const answer = (await (await ask('hi', { stream: false })).json()) as { choices: object[] };
    expect(answer.choices).toMatchObject([
      { finish_reason: 'tool_calls', message: { content: 'Hello', tool_calls: [{ function: { name: 'look' } }] } },
    ]);
  });

  it('speaks the protocol of OpenAI’s responses, streamed and whole', async () => {
    const call = { id: 'c1', name: 'look', arguments: '{"at":1}' };
    model.answer([{ reasoning: 'hm' }, 'Hel', 'lo', { toolCall: call }]);
    const request = (stream: boolean) => {
      const input = [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] }];
      return fetch(`${model.baseUrl}/responses`, {
        method: 'POST',
        body: JSON.stringify({ model: 'm', input, stream }),
      });
    };
    const items = [
      { type: 'reasoning', summary: [{ text: 'hm' }] },
      { type: 'message', content: [{ type: 'output_text', text: 'Hello' }] },
      { type: 'function_call', call_id: 'c1', name: 'look', arguments: '{"at":1}' },
    ];
    expect(await (await request(false)).json()).toMatchObject({ status: 'completed', output: items });

    const events: { type: string; sequence_number: number; delta?: string }[] = [];
    createParser({ onEvent: ({ data }) => events.push(JSON.parse(data)) }).feed(await (await request(true)).text());
    expect(events[0]).toMatchObject({ type: 'response.created', response: { status: 'in_progress' } });
    const deltas = events.filter(({ delta }) => delta !== undefined).map(({ type, delta }) => `${type} ${delta}`);
    expect(deltas).toEqual([
      'response.reasoning_summary_text.delta hm',
      'response.output_text.delta Hel',
      'response.output_text.delta lo',
      'response.function_call_arguments.delta {"at',
      'response.function_call_arguments.delta ":1}',
    ]);
    expect(events.at(-1)).toMatchObject({
      type: 'response.completed',
      response: { output: items, usage: { input_tokens: 1, output_tokens: 2 } },
    });
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
    expect(model.requests.map(({ prompt }) => prompt)).toEqual(['hi', 'hi']);
  });

  it('gives each prompt its own answer', async () => {
    model.answer(['other']).answer(['blue'], { to: /sky/ });
    expect(await (await ask('why is the sky blue?')).text()).toContain('blue');
    expect(await (await ask('why?')).text()).toContain('other');
    expect(model.requests.map(({ prompt }) => prompt)).toEqual(['why is the sky blue?', 'why?']);
  });

  it('answers what depends on the request', async () => {
    model.answer(({ body }) => [`${body.messages?.length} messages`], { to: 'how many?' });
    expect(await (await ask('how many?')).text()).toContain('1 messages');
  });

  it('refuses the number of requests it was told to, then answers', async () => {
    model.failNext(1, { status: 429, retryAfter: 2 });
    const refused = await ask('hi');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '2']);
    expect(await refused.json()).toHaveProperty('error.message');
    expect((await ask('hi')).status).toBe(200);
  });

  it('writes only what the test writes, through a gate', async () => {
    const gate = model.gated();
    const answer = await Promise.all([ask('hi'), gate.say('one')]).then(([response]) => response);
    expect(model.said(0)).toBe('one');
    expect(await gate.say(' two')).toBe(true);
    await gate.finish();
    expect(await answer.text()).toContain('[DONE]');
    expect(await model.requests[0]?.ended).toMatchObject({ by: 'server' });
  });

  it('reports when the client closed its connection, and that later words reached nobody', async () => {
    const gate = model.gated();
    const client = new AbortController();
    await Promise.all([ask('hi', { signal: client.signal }), gate.say('one')]);
    const before = performance.now();
    client.abort();
    const end = await (await gate.request).ended;
    expect(end.by).toBe('client');
    expect(end.at).toBeGreaterThanOrEqual(before);
    expect(await gate.say('two')).toBe(false);
    expect(model.said(0)).toBe('one');
  });

  it('stops an endless answer when the client disconnects', async () => {
    model.answer(() => endless(), { stepMs: 1 });
    const client = new AbortController();
    await ask('hi', { signal: client.signal });
    client.abort();
    expect((await (await model.request(0)).ended).by).toBe('client');
  });

  it('waits for a client that does not read', async () => {
    model.answer(() => endless(() => 'x'.repeat(10_000)));
    const client = new AbortController();
    await ask('hi', { signal: client.signal });
    client.abort();
    expect((await (await model.request(0)).ended).by).toBe('client');
    expect(model.said(0).length).toBeLessThan(50_000_000);
  });

  it.each([[{ reset: true }], [{ cut: true }]] as const)('breaks off mid-stream: %j', async (fault) => {
    model.answer(['one', fault]);
    const text = await (await ask('hi')).text().catch((error: Error) => error.name);
    expect(text).not.toContain('[DONE]');
    expect((await (await model.request(0)).ended).by).toBe('server');
  });

  it('sends a malformed chunk unchanged', async () => {
    model.answer(['one', { raw: 'data: {nonsense\n\n' }]);
    expect(await (await ask('hi')).text()).toContain('data: {nonsense\n\n');
  });
});
