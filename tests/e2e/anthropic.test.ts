import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SystemHarness } from './system-harness.ts';

let system: SystemHarness;
let client: Anthropic;
beforeAll(async () => {
  system = await SystemHarness.start({ env: { MILLRACE_DISCONNECT_GRACE_MS: '1000' } });
  client = new Anthropic({ baseURL: system.url, apiKey: 'none' });
});
afterAll(() => system?.[Symbol.asyncDispose]());

const asked = (content: string, more: Partial<Anthropic.MessageCreateParamsNonStreaming> = {}) => ({
  ...{ model: 'gpt-4o-mini', max_tokens: 99, messages: [{ role: 'user' as const, content }] },
  ...more,
});

describe('Anthropic Messages, by its own client', () => {
  it('answers whole, and as a stream', async () => {
    system.model.answer(['Because', ' it is.']);
    const message = await client.messages.create(asked('why?', { system: 'Be brief.' }));
    expect(message).toMatchObject({ content: [{ type: 'text', text: 'Because it is.' }], stop_reason: 'end_turn' });
    expect(message.id).toBe(`msg_${message._request_id}`);
    expect(system.model.requests.at(-1)?.body).toMatchObject({
      max_tokens: 99,
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'why?' },
      ],
    });
    system.model.answer([{ reasoning: 'hm' }, 'Because', ' it is.']);
    const streamed = await client.messages.stream(asked('why?')).finalMessage();
    expect(streamed.content).toMatchObject([{ thinking: 'hm' }, { text: 'Because it is.' }]);
    expect(streamed.usage.output_tokens).toBeGreaterThan(0);
  });

  it('calls tools', async () => {
    const call = { id: 'call_1', name: 'look', arguments: '{"what":"sky"}' };
    const tools = [
      { name: 'look', input_schema: { type: 'object' as const, properties: { what: { type: 'string' } } } },
    ];
    system.model.answer([{ toolCall: call }]);
    const first = await client.messages.create(asked('colour?', { tools }));
    expect(first).toMatchObject({ stop_reason: 'tool_use', content: [{ id: 'call_1', input: { what: 'sky' } }] });
    system.model.answer(['Blue.']);
    const result = { type: 'tool_result' as const, tool_use_id: 'call_1', content: 'blue' };
    const second = await client.messages.create({
      ...asked('colour?', { tools }),
      messages: [
        { role: 'user', content: 'colour?' },
        { role: 'assistant', content: first.content },
        { role: 'user', content: [result] },
      ],
    });
    expect(second.content).toMatchObject([{ text: 'Blue.' }]);
    expect(system.model.requests.at(-1)?.body.messages?.at(-1)).toMatchObject({ role: 'tool', content: 'blue' });
  });

  it('is cancelled when its client leaves', async () => {
    const gate = system.model.gated();
    const saying = gate.say('Because');
    const stream = await client.messages.create({ ...asked('why?'), stream: true });
    for await (const { type } of stream) if (type === 'content_block_delta') break;
    await saying;
    expect((await (await gate.request).ended).by).toBe('client');
  });

  it('says errors before and midway, without a second job', async () => {
    await expect(client.messages.create(asked('x', { model: 'no-such-model' }))).rejects.toMatchObject({ status: 404 });
    await expect(client.messages.create({ ...asked('x'), ...{ top_k: 3 } })).rejects.toThrow('top_k');
    await expect(client.messages.countTokens(asked('x'))).rejects.toMatchObject({ status: 501 });
    const before = system.model.requests.length;
    system.model.answer([{ fail: { status: 400 } }]);
    await expect(client.messages.create(asked('x'))).rejects.toMatchObject({ status: 400 });
    const gate = system.model.gated();
    const said = gate.say('half');
    const stream = await client.messages.create({ ...asked('x'), stream: true });
    const reading = (async () => {
      for await (const { type } of stream) if (type === 'content_block_delta') void gate.step({ reset: true });
    })();
    await expect(reading).rejects.toThrow();
    await said;
    expect(system.model.requests.length).toBe(before + 2);
  });
});
