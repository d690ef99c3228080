import { describe, expect, it } from '@jest/globals';
import { createParser } from 'eventsource-parser';
import { type DemoModel, startDemoModel } from './start-demo-model.ts';

async function ask(model: DemoModel, question: string): Promise<{ text: string; deltas: number }> {
  const messages = [{ role: 'user', content: question }];
  const body = JSON.stringify({ model: 'gpt-4o-mini', stream: true, messages });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${model.url}/chat/completions`, { method: 'POST', headers, body });
  const deltas: string[] = [];
  const parser = createParser({
    onEvent: ({ data }) => {
      const text: unknown = data === '[DONE]' ? undefined : JSON.parse(data).choices[0]?.delta.content;
      if (typeof text === 'string' && text !== '') deltas.push(text);
    },
  });
  parser.feed(await response.text());
  return { text: deltas.join(''), deltas: deltas.length };
}

interface Said {
  readonly content: string;
  readonly tool_calls: readonly { readonly id: string; readonly function: object }[];
}

async function complete(model: DemoModel, request: object): Promise<Said> {
  const init = { method: 'POST', body: JSON.stringify({ model: 'gpt-4o-mini', ...request }) };
  const response = await fetch(`${model.url}/chat/completions`, init);
  const { choices } = (await response.json()) as { choices: { message: Said }[] };
  const [choice] = choices;
  if (choice === undefined) throw new Error('a completion has a choice');
  return choice.message;
}

describe('startDemoModel', () => {
  it('answers what it knows, in many small deltas', async () => {
    await using model = await startDemoModel({ ttftMs: 0, tokensPerSecond: 100_000 });
    const { text, deltas } = await ask(model, 'Why is the sky blue?');
    expect(text).toContain('Rayleigh scattering');
    expect(deltas).toBeGreaterThan(100);
  });

  it('says that it is simulated, and repeats the question, when it knows nothing', async () => {
    await using model = await startDemoModel({ ttftMs: 0, tokensPerSecond: 100_000 });
    const { text } = await ask(model, 'Who won in 1954? 😀');
    expect(text).toContain('“Who won in 1954? 😀”');
    expect(text).toContain('I am a simulated model');
  });

  it('calls the tool that a question is about, then says what it answered', async () => {
    await using model = await startDemoModel({ ttftMs: 0, tokensPerSecond: 100_000 });
    const tools = [
      ['shipping_days', 'How many days a parcel takes.', { city: { type: 'string' } }],
      ['find_order', 'Looks an order up by its id.', { id: { type: 'string' } }],
    ].map(([name, description, properties]) => ({
      ...{ type: 'function', function: { name, description, parameters: { type: 'object', properties } } },
    }));
    const question = { role: 'user', content: 'Where is order A-17?' };
    const asked = await complete(model, { messages: [question], tools });
    const [call] = asked.tool_calls;
    expect(call?.function).toEqual({ name: 'find_order', arguments: '{"id":"A-17"}' });
    const result = { role: 'tool', tool_call_id: call?.id, content: 'in Oslo' };
    const answered = await complete(model, { messages: [question, asked, result], tools });
    expect(answered.content).toContain('in Oslo');
  });

  it('fills in a schema', async () => {
    await using model = await startDemoModel({ ttftMs: 0, tokensPerSecond: 100_000 });
    const properties = {
      ...{ name: { type: 'string' }, phone: { type: ['string', 'null'] }, years: { type: 'integer', minimum: 18 } },
      ...{
        kind: { enum: ['a', 'b'] },
        tags: { type: 'array', items: { anyOf: [{ type: 'null' }, { type: 'boolean' }] } },
      },
    };
    const { content } = await complete(model, {
      messages: [{ role: 'user', content: 'call Ann Berg at +47 22 00' }],
      response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object', properties } } },
    });
    expect(JSON.parse(content)).toEqual({ name: 'Ann Berg', phone: '+47 22 00', years: 47, kind: 'a', tags: [true] });
  });

  it('delays the first token', async () => {
    await using model = await startDemoModel({ ttftMs: 100, tokensPerSecond: 100_000 });
    const before = performance.now();
    await ask(model, 'hello');
    expect(performance.now() - before).toBeGreaterThan(60);
  });

  it('lists its models', async () => {
    await using model = await startDemoModel();
    expect(await (await fetch(`${model.url}/models`)).json()).toHaveProperty('data');
  });
});
