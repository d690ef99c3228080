import { describe, expect, it } from '@jest/globals';
import type { Usage } from '@millrace/contracts';
import { choice, DialectServer, DONE, frame, HELLO, outcomeOf, STOP, WAYS, whole } from './testing/dialect-server.ts';

const server = new DialectServer();

describe.each(WAYS)('the usage that a model reports, read %s', (way) => {
  it('is passed on in increments as it arrives, also of an answer that fails', async () => {
    server.answer({
      body:
        choice({ content: 'a' }, null, { usage: { prompt_tokens: 3, completion_tokens: 1 } }) +
        choice({ content: 'b' }, null, { usage: { prompt_tokens: 3, completion_tokens: 2 } }) +
        frame({ error: { code: 500 } }),
    });
    const increments: Usage[] = [];
    const model = server.model(way, { onUsage: (increase) => increments.push(increase) });
    expect(await outcomeOf(() => model)).toMatchObject({ end: 'error', text: 'ab' });
    expect(increments).toEqual([
      { inputTokens: 3, outputTokens: 1 },
      { inputTokens: 0, outputTokens: 1 },
    ]);
  });

  it('is passed on once for an answer that reports it once', async () => {
    server.answer({
      body: HELLO + STOP + frame({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 4 } }) + DONE,
    });
    const increments: Usage[] = [];
    const model = server.model(way, { onUsage: (increase) => increments.push(increase) });
    expect(await outcomeOf(() => model)).toMatchObject({ end: 'done' });
    expect(increments).toEqual([{ inputTokens: 3, outputTokens: 4 }]);
  });

  it('is passed on for an answer that is not streamed', async () => {
    server.answer({
      headers: { 'content-type': 'application/json' },
      body: whole({ role: 'assistant', content: 'Hello' }, { usage: { prompt_tokens: 1, completion_tokens: 2 } }),
    });
    const increments: Usage[] = [];
    const model = server.model(way, { onUsage: (increase) => increments.push(increase) });
    expect((await model.invoke('hi')).content).toBe('Hello');
    expect(increments).toEqual([{ inputTokens: 1, outputTokens: 2 }]);
  });
});
