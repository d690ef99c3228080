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
