import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type JobRef, jobRef, ModelPrices } from '@millrace/contracts';
import { type UsageLedger, usageOfAttempt } from '@millrace/stream-log';
import { eventually } from '@millrace/testing';
import { ApiHarness, say, submit, type TestNode } from '../testing/api-harness.ts';
import { USAGE_LEDGER } from '../tokens.ts';
import type { UsageItem } from './read-usage.ts';
import { Sweep } from './sweep/sweep.ts';

const secretOf = (tenant: string, role: string) => `the-secret-of-${tenant}-as-${role}`;
const KEYS = ['one', 'two'].flatMap((tenant) => [
  ...['user', 'manager'].map((role) => `${tenant}:${role}:${secretOf(tenant, role)}`),
]);
const PRICES = { 'openai:gpt-4o-mini': { input: 1, output: 10 } };
const ADMIN = 'the-secret-of-the-admin';

let harness: ApiHarness;
let node: TestNode;
let unpriced: TestNode;
beforeAll(async () => {
  harness = await ApiHarness.start({
    MILLRACE_AUTH: 'apikey',
    MILLRACE_API_KEYS: [...KEYS, `ops:admin:${ADMIN}`].join(),
    MILLRACE_SWEEP_MS: '600000',
    MILLRACE_MODELS: 'openai:*',
  });
  node = await harness.node({ MILLRACE_MODEL_PRICES: JSON.stringify(PRICES) });
  unpriced = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const keyOf = (tenant: string, role = 'manager') => ({ 'x-api-key': secretOf(tenant, role) });

async function ask(query: string, headers: Record<string, string>): Promise<Response> {
  return fetch(`${node.url}/usage${query}`, { headers });
}

async function usage(query: string, headers: Record<string, string>): Promise<UsageItem[]> {
  const answer = await ask(query, headers);
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { items: UsageItem[] }).items;
}

/** Answers a job as a worker that dies before it can tell the ledger, and lets a sweep find that it has ended. */
async function answered(tenant: string, body: object = { query: 'hi' }, at = node): Promise<string> {
  const id = await submit(node, keyOf(tenant, 'user'), body);
  await harness.answer(id, ['a'], tenant);
  await harness.redis.zincrby(harness.keys.openJobs, -60e6, jobRef(tenant, id));
  await at.api.nest.get(Sweep).sweep();
  return id;
}

const today = () => new Date().toISOString().slice(0, 10);

describe('GET /usage', () => {
  it('adds up what a tenant has used, by day, model and pipeline, and shows it to nobody else', async () => {
    await answered('one');
    await answered('one');
    await answered('one', { query: 'hi', model: 'openai:without-price' });
    await answered('two');
    const sums = { jobs: 3, attempts: 3, inputTokens: 9, outputTokens: 15, estimatedTokens: 0 };
    expect(await usage('', keyOf('one'))).toEqual([{ day: today(), ...sums }]);
    expect(await usage('?by=pipeline', keyOf('one'))).toEqual([{ pipeline: 'chat', ...sums }]);
    const own = { jobs: 2, attempts: 2, inputTokens: 6, outputTokens: 10, estimatedTokens: 0, cost: 0.000106 };
    const other = { jobs: 1, attempts: 1, inputTokens: 3, outputTokens: 5, estimatedTokens: 0 };
    expect(await usage('?by=model', keyOf('one'))).toEqual([
      { model: 'openai:gpt-4o-mini', ...own },
      { model: 'openai:without-price', ...other },
    ]);
    const ofTwo = { ...other, cost: 0.000053 };
    expect(await usage('?by=tenant', { 'x-api-key': ADMIN })).toEqual([
      { tenant: 'one', ...sums },
      { tenant: 'two', ...ofTwo },
    ]);
    expect(await usage('?by=tenant&tenant=two', { 'x-api-key': ADMIN })).toEqual([{ tenant: 'two', ...ofTwo }]);
    const refused = await Promise.all([ask('?tenant=two', keyOf('one')), ask('', keyOf('one', 'user'))]);
    expect(refused.map(({ status }) => status)).toEqual([403, 403]);
  });

  it('shows no days but those it is asked for', async () => {
    await answered('two');
    const [year] = today().split('-');
    expect(await usage(`?from=${Number(year) - 1}-12-01&to=${Number(year) - 1}-12-31`, keyOf('two'))).toEqual([]);
    expect(await usage(`?from=${today()}&to=${today()}`, keyOf('two'))).toHaveLength(1);
  });

  it.each([
    ['from=yesterday', '/from'],
    ['to=2026-02-30', '/to'],
    ['from=2026-02-02&to=2026-02-01', '/from'],
    ['from=2020-01-01&to=2026-01-01', '/from'],
    ['by=hour', '/by'],
    ['by=day&by=model', '/by'],
    ['tenant=a/b', '/tenant'],
  ])('refuses %s and names the field', async (query, pointer) => {
    const answer = await ask(`?${query}`, keyOf('one'));
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: 'INVALID_REQUEST', errors: [{ pointer }] });
  });

  it('counts with the prices of the time: another price changes nothing that was counted', async () => {
    const before = await usage('?by=model', { 'x-api-key': ADMIN });
    // the same report again, from a node that knows no prices
    const id = await answered('two');
    const after = await usage('?by=model', { 'x-api-key': ADMIN });
    const outline = await harness.reader.outline(jobRef('two', id));
    const attempts = { 1: { exact: true, rows: [[outline?.model ?? '', 3, 5, 0, '']] as never } };
    await unpriced.api.nest.get<UsageLedger>(USAGE_LEDGER).meter(jobRef('two', id), { total: 1, attempts });
    expect(await usage('?by=model', { 'x-api-key': ADMIN })).toEqual(after);
    expect(after).not.toEqual(before);
  });

  it('adds up all days that it is asked for, with a row for each of 1,000 models and one for the others', async () => {
    const day = Date.parse('2026-01-10') / 86_400_000;
    for (let nth = 0; nth < 3; nth += 1) {
      const fields = Array.from({ length: 500 }, (_, model) => [`input chat openai:${nth}-${model}`, '2']);
      await harness.redis.hset(harness.keys.usageOfDay('two', day + nth), Object.fromEntries(fields));
    }
    const range = 'from=2025-12-01&to=2026-12-31';
    const byDay = await usage(`?${range}&by=day`, keyOf('two'));
    expect(byDay.slice(0, 3).map((row) => [row.day, row.inputTokens])).toEqual([
      ['2026-01-10', 1_000],
      ['2026-01-11', 1_000],
      ['2026-01-12', 1_000],
    ]);
    const byModel = await usage(`?from=2026-01-01&to=2026-01-31&by=model`, keyOf('two'));
    expect(byModel).toHaveLength(1_001);
    expect(byModel.find(({ model }) => model === 'other')).toMatchObject({ inputTokens: 1_000 });
  });

  it('keeps the sums of an erased job, also of an attempt that its worker has not reported yet, and nothing else', async () => {
    const sum = async () => (await usage('', keyOf('one')))[0];
    const before = await sum();
    const id = await submit(node, keyOf('one', 'user'), { query: 'a prompt of 24 letters..' });
    const writer = await harness.begin(id, 'one');
    await say(writer, ['eight...']);
    await fetch(`${node.url}/jobs/${id}`, { method: 'DELETE', headers: keyOf('one') });
    const erased = await fetch(`${node.url}/jobs/${id}/data`, { method: 'DELETE', headers: keyOf('one') });
    expect(erased.status).toBe(204);
    const after = await sum();
    expect([after?.inputTokens, after?.outputTokens, after?.estimatedTokens]).toEqual([
      ...[(before?.inputTokens ?? 0) + 6, (before?.outputTokens ?? 0) + 2, (before?.estimatedTokens ?? 0) + 8],
    ]);
    expect(await harness.redis.hexists(harness.keys.usageOf('one'), jobRef('one', id) as JobRef)).toBe(0);
    expect(await harness.redis.zscore(harness.keys.unsettledJobs, jobRef('one', id))).toBeNull();
  });

  it('counts what the worker of an erased answer reports just after, and counts it once', async () => {
    const sum = async () => (await usage('', keyOf('two')))[0];
    const before = await sum();
    const id = await submit(node, keyOf('two', 'user'), { query: 'a prompt of 24 letters..', threadId: 'erased' });
    const writer = await harness.begin(id, 'two');
    await say(writer, ['eight...']);
    const erasing = fetch(`${node.url}/threads/erased`, { method: 'DELETE', headers: keyOf('two') });
    // as long as a worker takes to hear of its cancel and to end the call of its model
    await eventually(async () => (await harness.reader.outline(jobRef('two', id)))?.status !== 'active');
    await delay(100);
    const used = { inputTokens: 70, outputTokens: 110 };
    await writer.recordUsage(used);
    expect((await erasing).status).toBe(204);
    const attempts = { 1: usageOfAttempt(used, { model: 'openai:gpt-4o-mini', prices: new ModelPrices(PRICES) }) };
    await node.api.nest.get<UsageLedger>(USAGE_LEDGER).meter(jobRef('two', id), { attempts });
    const after = await sum();
    expect([after?.jobs, after?.inputTokens, after?.outputTokens, after?.estimatedTokens]).toEqual([
      ...[(before?.jobs ?? 0) + 1, (before?.inputTokens ?? 0) + 70, (before?.outputTokens ?? 0) + 110],
      before?.estimatedTokens ?? 0,
    ]);
  });
});
