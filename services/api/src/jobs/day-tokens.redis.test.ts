import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jobRef } from '@millrace/contracts';
import type { UsageLedger } from '@millrace/stream-log';
import { startRedis, type TestRedis } from '@millrace/testing';
import { ApiHarness, post, refOf, submit, type TestNode } from '../testing/api-harness.ts';
import { USAGE_LEDGER } from '../tokens.ts';
import { Sweep } from './sweep/sweep.ts';

/** What a job without `maxTokens` reserves beside its prompt. */
const EXPECTED = 1_024;

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis?.stop());

const limitOf = (tokens: number) => ({ MILLRACE_MAX_TOKENS_PER_DAY_PER_TENANT: String(tokens) });
const today = (node: TestNode) => node.api.nest.get<UsageLedger>(USAGE_LEDGER).today('default');
const json = { accept: 'application/json' };

describe('the tokens of a day (PROTOCOL §11)', () => {
  it('are reserved when a job is accepted: those of its prompt, and maxTokens', async () => {
    await using harness = new ApiHarness(redis.url, limitOf(2_000));
    const node = await harness.node();
    await submit(node, {}, { query: 'eight…', maxTokens: 500 });
    await submit(node);
    expect(await today(node)).toEqual({ used: 0, reserved: 2 + 500 + 1 + EXPECTED });
    const refused = await post(node, { query: 'hi' });
    expect(refused.status).toBe(429);
    const retryAfter = Number(refused.headers.get('retry-after'));
    const midnight = new Date();
    midnight.setUTCHours(24, 0, 0, 0);
    expect(Math.abs(Date.now() / 1_000 + retryAfter - midnight.getTime() / 1_000)).toBeLessThan(60);
    expect(refused.headers.get('ratelimit')).toBe(`"tokensPerDay";r=473;t=${retryAfter}`);
    expect(refused.headers.get('ratelimit-policy')).toBe('"tokensPerDay";q=2000;qu="tokens";w=86400');
    expect(await refused.json()).toMatchObject({
      code: 'QUOTA_EXCEEDED',
      detail: expect.stringContaining('473 left today'),
    });
    expect((await post(node, { query: 'hi', maxTokens: 472 }, json)).status).toBe(202);
    // a refused request leaves nothing behind
    expect(await harness.redis.zcard(harness.keys.openJobs)).toBe(3);
  });

  it('are not exceeded by many requests at once, on several nodes', async () => {
    await using harness = new ApiHarness(redis.url, limitOf(10 * (EXPECTED + 1)));
    const nodes = [await harness.node(), await harness.node()];
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, n) => post(nodes[n % 2] as TestNode, { query: 'hi' }, json)),
    );
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(10);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(90);
  });

  it('are given back by jobs that are cancelled, and never asked of a repeated request', async () => {
    await using harness = new ApiHarness(redis.url, limitOf(EXPECTED + 1));
    const node = await harness.node();
    const id = await submit(node);
    expect(await submit(node, { 'x-request-id': id })).toBe(id);
    expect((await post(node, { query: 'hi' })).status).toBe(429);
    await fetch(`${node.url}/jobs/${id}`, { method: 'DELETE' });
    expect(await today(node)).toEqual({ used: 0, reserved: 0 });
    await submit(node);
  });

  it('of one tenant are not those of another', async () => {
    const keys = ['one', 'two'].map((tenant) => `${tenant}:user:the-secret-of-${tenant}`);
    const env = { MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: keys.join(), ...limitOf(EXPECTED + 1) };
    await using harness = new ApiHarness(redis.url, env);
    const node = await harness.node();
    const headers = (tenant: string) => ({ 'x-api-key': `the-secret-of-${tenant}` });
    await submit(node, headers('one'));
    expect((await post(node, { query: 'hi' }, headers('one'))).status).toBe(429);
    await submit(node, headers('two'));
  });

  it('are given back by a job that its thread refuses, and by one whose record was never made', async () => {
    await using harness = new ApiHarness(redis.url, limitOf(10_000));
    const node = await harness.node();
    await submit(node, {}, { query: 'hi', threadId: 'thread' });
    const { reserved } = await today(node);
    const busy = await post(node, { query: 'hi', threadId: 'thread', onBusy: 'reject' });
    expect(busy.status).toBe(409);
    expect(await today(node)).toEqual({ used: 0, reserved });
    const id = await submit(node);
    await harness.redis.del(harness.keys.record(refOf(id)));
    await harness.redis.zincrby(harness.keys.openJobs, -60e6, jobRef('default', id));
    await node.api.nest.get(Sweep).sweep();
    expect(await today(node)).toEqual({ used: 0, reserved });
  });

  const messages = [{ role: 'user', content: 'hi' }];
  const run = { threadId: 't', runId: 'r', state: {}, tools: [], context: [], forwardedProps: {} };
  it.each([
    ['OpenAI’s chat', '/v1/chat/completions', { model: 'gpt-4o-mini', messages }, ['error', 'code']],
    ['OpenAI’s responses', '/v1/responses', { model: 'gpt-4o-mini', input: 'hi' }, ['error', 'code']],
    ['Anthropic’s messages', '/v1/messages', { model: 'gpt-4o-mini', max_tokens: 2_000, messages }, ['error', 'type']],
    [
      'the AI SDK',
      '/api/chat',
      { id: 'c', messages: [{ id: 'm', role: 'user', parts: [{ type: 'text', text: 'hi' }] }] },
      [],
    ],
    ['AG-UI', '/ag-ui', { ...run, messages: [{ id: 'm', ...messages[0] }] }, ['code']],
    ['LangGraph', '/langgraph/runs/wait', { assistant_id: 'chat', input: { messages } }, []],
  ])('are refused by %s in its own form, with the time to wait', async (_, path, body, member) => {
    await using harness = new ApiHarness(redis.url, limitOf(100));
    const node = await harness.node();
    const answer = await fetch(`${node.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    expect([answer.status, text]).toEqual([429, expect.stringContaining('100 left today')]);
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
    let value: unknown = member.length === 0 ? 'named' : JSON.parse(text);
    for (const name of member) value = (value as Record<string, unknown>)[name];
    expect(value).toEqual(expect.any(String));
  });
});
