import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ChatOpenAI } from '@langchain/openai';
import { eventually } from '@millrace/testing';
import OpenAI from 'openai';
import type { ResponseStreamEvent } from 'openai/resources/responses/responses';
import { SystemHarness } from './system-harness.ts';

let system: SystemHarness;
let client: OpenAI;
beforeAll(async () => {
  system = await SystemHarness.start({ env: { MILLRACE_DISCONNECT_GRACE_MS: '1000' } });
  client = clientAt(system.url);
});
afterAll(() => system[Symbol.asyncDispose]());

const clientAt = (url: string) => new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none' });
const TOOL = {
  ...{ type: 'function' as const, name: 'look_up', strict: null },
  parameters: { type: 'object', properties: { what: { type: 'string' } } },
};
const asked = () => system.model.requests.at(-1)?.body.messages?.map(({ role, content }) => [role, content]);

async function all(stream: AsyncIterable<ResponseStreamEvent>): Promise<ResponseStreamEvent[]> {
  const events: ResponseStreamEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

const textIn = (events: readonly ResponseStreamEvent[]) =>
  events.map((event) => (event.type === 'response.output_text.delta' ? event.delta : '')).join('');

describe('OpenAI Responses, by its own client', () => {
  it('answers whole', async () => {
    system.model.answer(['Because', ' it is.']);
    const response = await client.responses.create({ input: 'why?', instructions: 'Be brief.', metadata: { a: 'b' } });
    expect(response).toMatchObject({ status: 'completed', output_text: 'Because it is.', metadata: { a: 'b' } });
    expect(response.usage?.total_tokens).toBeGreaterThan(0);
    expect(response.id).toBe(`resp_${response._request_id}`);
    expect(asked()).toEqual([
      ['system', 'Be brief.'],
      ['user', 'why?'],
    ]);
    expect(await client.responses.retrieve(response.id)).toMatchObject({ id: response.id, output: response.output });
  });

  it('streams, as the strict reader wants it', async () => {
    system.model.answer([{ reasoning: 'hm' }, 'Because', ' it is.']);
    const stream = client.responses.stream({ model: 'gpt-4o-mini', input: 'why?' });
    const response = await stream.finalResponse();
    expect(response.output_text).toBe('Because it is.');
    expect(response.output.map(({ type }) => type)).toEqual(['reasoning', 'message']);
  });

  it('goes on with a response: with calls, without old instructions, and in two ways at once', async () => {
    const { id, name, arguments: args } = { id: 'call_1', name: 'look_up', arguments: '{"what":"sky"}' };
    system.model.answer(['I look.', { toolCall: { id, name, arguments: args } }]);
    const first = await client.responses.create({ input: 'colour?', instructions: 'Old.', tools: [TOOL] });
    expect(first.output.at(-1)).toMatchObject({ type: 'function_call', call_id: id, arguments: args });
    const question = { type: 'function_call_output' as const, call_id: id };
    system.model.answer(({ body }) => [`It is ${String(body.messages?.at(-1)?.content)}.`]);
    const answers = ['blue', 'grey'].map((output) =>
      client.responses.create({
        ...{ previous_response_id: first.id, instructions: 'New.', tools: [TOOL] },
        input: [{ ...question, output }],
      }),
    );
    const [blue, grey] = await Promise.all(answers);
    expect([blue?.output_text, grey?.output_text]).toEqual(['It is blue.', 'It is grey.']);
    expect(blue?.previous_response_id).toBe(first.id);
    const heard = system.model.requests.slice(-2).map(({ body }) => body.messages?.map(({ content }) => content ?? ''));
    expect(new Set(heard.map((messages) => messages?.join('|')))).toEqual(
      new Set(['New.|colour?|I look.|blue', 'New.|colour?|I look.|grey']),
    );
    system.model.answer(['Yes.']);
    await client.responses.create({ previous_response_id: grey?.id ?? '', input: 'sure?' });
    expect(
      asked()
        ?.map(([, content]) => content)
        .slice(-1),
    ).toEqual(['sure?']);
    expect(asked()?.map(([, content]) => content)).toContain(grey?.output_text);
    expect(asked()?.map(([, content]) => content)).not.toContain(blue?.output_text);
  });

  it('in background answers at once, is followed from any event on any node, and is cancelled', async () => {
    const gate = system.model.gated();
    const queued = await client.responses.create({ input: 'why?', background: true });
    expect(['queued', 'in_progress']).toContain(queued.status);
    expect(queued.background).toBe(true);
    await gate.say('Because');
    const events: ResponseStreamEvent[] = [];
    const stream = await clientAt(system.node(0)).responses.retrieve(queued.id, { stream: true });
    for await (const event of stream) {
      events.push(event);
      if (event.type === 'response.output_text.delta') break;
    }
    const last = events.at(-1)?.sequence_number ?? 0;
    const rest = all(
      await clientAt(system.node(1)).responses.retrieve(queued.id, { stream: true, starting_after: last }),
    );
    await gate.say(' it is.');
    const seen = clientAt(system.node(0)).responses.stream({ response_id: queued.id });
    await new Promise<void>((resolve) => {
      seen.on('response.output_text.delta', ({ snapshot }) => {
        if (snapshot === 'Because it is.') resolve();
      });
    });
    const cancelled = await client.responses.cancel(queued.id);
    expect(cancelled).toMatchObject({ id: queued.id, status: 'cancelled' });
    expect(await client.responses.cancel(queued.id)).toMatchObject({ status: 'cancelled' });
    expect((await (await gate.request).ended).by).toBe('client');
    const after = await rest;
    expect(after[0]?.sequence_number).toBe(last + 1);
    expect(textIn([...events, ...after])).toBe('Because it is.');
    expect(after.at(-1)).toMatchObject({ type: 'response.incomplete', response: { status: 'cancelled' } });
    expect((await seen.finalResponse()).output_text).toBe('Because it is.');
    const end = after.at(-1)?.sequence_number ?? 0;
    expect(await all(await client.responses.retrieve(queued.id, { stream: true, starting_after: end }))).toEqual([]);
  });

  it('is cancelled by a lost connection, unless it is in background', async () => {
    for (const [background, status] of [
      [false, 'cancelled'],
      [true, 'completed'],
    ] as const) {
      const gate = system.model.gated();
      const stream = await client.responses.create({ input: 'why?', stream: true, background });
      let id = '';
      const saying = gate.say('Because');
      for await (const event of stream) {
        if (event.type === 'response.created') id = event.response.id;
        if (event.type === 'response.output_text.delta') break;
      }
      await saying;
      if (status === 'cancelled') expect((await (await gate.request).ended).by).toBe('client');
      else void gate.finish();
      await eventually(async () => (await client.responses.retrieve(id)).status === status);
    }
  });

  it('says errors before and midway, and never half an answer as a whole one', async () => {
    await expect(client.responses.create({ model: 'no-such-model', input: 'x' })).rejects.toMatchObject({
      ...{ status: 404, code: 'model_not_found', param: 'model' },
    });
    await expect(client.responses.create({ input: 'x', top_p: 7 })).rejects.toMatchObject({
      status: 400,
      param: 'top_p',
    });
    await expect(client.responses.create({ input: 'x', previous_response_id: 'resp_none' })).rejects.toMatchObject({
      ...{ status: 400, param: 'previous_response_id' },
    });
    await expect(client.responses.retrieve('resp_aaaaaaaaaaaaaaaaaaaa')).rejects.toMatchObject({ status: 404 });
    const before = system.model.requests.length;
    system.model.answer([{ fail: { status: 400 } }]);
    await expect(client.responses.create({ input: 'x' })).rejects.toMatchObject({ status: 400 });
    const gate = system.model.gated();
    const said = gate.say('half');
    const stream = await client.responses.create({ input: 'x', stream: true });
    const reading = (async () => {
      for await (const { type } of stream) if (type === 'response.output_text.delta') void gate.step({ reset: true });
    })();
    await expect(reading).rejects.toThrow();
    await said;
    // no retry has made a second job
    expect(system.model.requests.length).toBe(before + 2);
  });

  it('erases', async () => {
    system.model.answer(['gone']);
    const response = await client.responses.create({ input: 'x' });
    await client.responses.delete(response.id);
    await expect(client.responses.retrieve(response.id)).rejects.toMatchObject({ status: 404 });
    expect((await fetch(`${system.url}/threads/${response.id}`)).status).toBe(404);
  });

  it('serves ChatOpenAI', async () => {
    const model = new ChatOpenAI({
      ...{ model: 'gpt-4o-mini', apiKey: 'none', useResponsesApi: true },
      configuration: { baseURL: `${system.url}/v1` },
    });
    system.model.answer(['Because', ' it is.']);
    expect((await model.invoke('why?')).text).toBe('Because it is.');
    system.model.answer(['Because', ' it is.']);
    let text = '';
    for await (const chunk of await model.stream('why?')) text += chunk.text;
    expect(text).toBe('Because it is.');
  });
});
