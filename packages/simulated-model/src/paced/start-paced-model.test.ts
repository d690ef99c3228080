import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type PacedModel, startPacedModel } from './start-paced-model.ts';
import { monotonicMicros, PLAIN_TOKEN, stampedToken, stampOf, TOKEN_MARK } from './token.ts';
import { planIn, promptOf, type TokenPlan } from './token-plan.ts';

let model: PacedModel;
beforeAll(async () => {
  model = await startPacedModel();
});
afterAll(async () => model[Symbol.asyncDispose]());

const fast: TokenPlan = { tokens: 1, perSecond: 0, firstTokenMs: 0, stamped: false };

function ask(plan: TokenPlan): Promise<Response> {
  const messages = [{ role: 'user', content: promptOf(plan) }];
  return fetch(`${model.url}/chat/completions`, { method: 'POST', body: JSON.stringify({ messages }) });
}

/** What an OpenAI client would read: each chunk's text, then `[DONE]`. */
async function said(answer: Response): Promise<string[]> {
  const frames = (await answer.text()).split('\n\n').filter((frame) => frame !== '');
  return frames.map((frame) => {
    const data = frame.replace(/^data: /, '');
    return data === '[DONE]' ? data : (JSON.parse(data).choices[0]?.delta.content ?? '');
  });
}

describe('the paced model', () => {
  it.each([1, 63, 64, 65, 1_000])('sends %i tokens, one per chunk, as fast as they are read', async (tokens) => {
    const chunks = await said(await ask({ ...fast, tokens }));
    expect(chunks.filter((chunk) => chunk === PLAIN_TOKEN)).toHaveLength(tokens);
    expect(chunks.at(-1)).toBe('[DONE]');
  });

  it('keeps the pace, and stamps each token with the time when it was written', async () => {
    const askedAt = monotonicMicros();
    const plan = { tokens: 11, perSecond: 100, firstTokenMs: 50, stamped: true };
    const stamps = (await said(await ask(plan)))
      .filter((chunk) => chunk.startsWith(TOKEN_MARK))
      .map((chunk) => stampOf(chunk.slice(TOKEN_MARK.length)));
    expect(stamps).toHaveLength(11);
    // ten gaps of 10 ms after the first: a token may be late, never early
    expect((stamps[0] ?? 0) - askedAt).toBeGreaterThanOrEqual(50_000);
    expect((stamps[10] ?? 0) - askedAt).toBeGreaterThanOrEqual(150_000);
  });

  it('calls a tool before each step of a plan, and none after the last', async () => {
    const user = { role: 'user', content: promptOf({ ...fast, steps: 2 }) };
    const tool = { role: 'tool', content: 'seen' };
    const reasons = [0, 1, 2].map(async (done) => {
      const messages = [user, ...Array.from({ length: done }, () => tool)];
      const answer = await fetch(`${model.url}/chat/completions`, {
        method: 'POST',
        body: JSON.stringify({ messages }),
      });
      return /"finish_reason":"(\w+)"/.exec(await answer.text())?.[1];
    });
    expect(await Promise.all(reasons)).toEqual(['tool_calls', 'tool_calls', 'stop']);
  });

  it('refuses a prompt that is not a plan', async () => {
    const body = JSON.stringify({ messages: [{ role: 'user', content: 'hello' }] });
    expect((await fetch(`${model.url}/chat/completions`, { method: 'POST', body })).status).toBe(400);
  });
});

describe('a plan', () => {
  it('survives the round trip through a prompt', () => {
    const plan = { tokens: 200, perSecond: 0.5, firstTokenMs: 300, stamped: true };
    const stepping = { ...plan, steps: 3 };
    const plans = [plan, fast, stepping];
    expect(plans.map((each) => planIn(promptOf(each)))).toEqual(plans);
  });
});

describe('a stamp', () => {
  it('survives the round trip through a token', () => {
    expect(stampOf(stampedToken(1_234_567_890).slice(1))).toBe(1_234_567_890);
    expect(stampOf('short')).toBeNaN();
  });
});
