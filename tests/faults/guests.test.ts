import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@millrace/testing';
import { Redis } from 'ioredis';
import { figures } from './figures.ts';
import { rssMiB } from './memory.ts';
import { percentile } from './percentile.ts';
import { keyOf, TwoTenants } from './two-tenants.ts';

const SPAN_MS = 5_000;
const MIB = 1024 * 1024;
/** How much longer a short answer may take during a flood, milliseconds, when node, client, workers and Redis share two
 *  cores: without the bounds it took seconds, or never came. */
const ADDED_MS = 300;

let tenants: TwoTenants;
afterEach(() => tenants[Symbol.asyncDispose]());

/** What a flood does to the other tenant and to the node, compared with the same time without it. */
async function measured(flood: (signal: AbortSignal) => Promise<unknown>) {
  await tenants.shortAnswersMs(1_000); // the first ones are slower
  const without = await tenants.shortAnswersMs(SPAN_MS);
  const before = await rssMiB(tenants.api.pid);
  await tenants.longestStopMs();
  const over = new AbortController();
  const flooding = flood(over.signal);
  const beside = await tenants.shortAnswersMs(SPAN_MS);
  over.abort();
  await flooding;
  return {
    p99WithoutMs: percentile(without, 0.99),
    p99BesideMs: percentile(beside, 0.99),
    longestStopMs: await tenants.longestStopMs(),
    addedMiB: (await rssMiB(tenants.api.pid)) - before,
  };
}

function expectUnnoticed({ p99WithoutMs, p99BesideMs }: Awaited<ReturnType<typeof measured>>): void {
  expect(p99BesideMs).toBeLessThanOrEqual(p99WithoutMs + ADDED_MS);
}

/** POSTs for the greedy tenant, `atOnce` at a time, until the signal aborts.
 *  @returns how many answers had each status */
async function post(signal: AbortSignal, atOnce: number, request: () => RequestInit): Promise<Record<number, number>> {
  const answers: Record<number, number> = {};
  const one = async () => {
    while (!signal.aborted) {
      const { headers, ...rest } = request();
      const own = { ...keyOf('greedy'), 'content-type': 'application/json', accept: 'application/json', ...headers };
      const answer = await fetch(`${tenants.api.url}/jobs`, { method: 'POST', headers: own, ...rest });
      await answer.arrayBuffer();
      answers[answer.status] = (answers[answer.status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return answers;
}

describe('one tenant takes what it can get', () => {
  it('bodies of 1 MB that are wrong in 100,000 places: 400 each, the loop never stops for long', async () => {
    tenants = await TwoTenants.start();
    const bodies = [
      `{"messages":[${'{},'.repeat(349_000)}{}]}`,
      `{"messages":[${'0,'.repeat(500_000)}0]}`,
      `{${Array.from({ length: 70_000 }, (_, nth) => `"k${nth}":0`).join()}}`,
      `{"query":"hi","metadata":{${Array.from({ length: 70_000 }, (_, nth) => `"k${nth}":0`).join()}}}`,
    ];
    let sent = 0;
    let answers: Record<number, number> = {};
    const result = await measured(async (signal) => {
      answers = await post(signal, 1, () => ({ body: bodies[sent++ % bodies.length] ?? '' }));
    });
    figures({ refused: sent, ...result });
    expect(Object.keys(answers)).toEqual(['400']);
    // the bound is 200 ms; the rest allows for a machine that is three times as slow
    expect(result.longestStopMs).toBeLessThanOrEqual(600);
    expect(result.addedMiB).toBeLessThanOrEqual(300);
    expectUnnoticed(result);
  });

  it('POSTs beyond its limit, each with a fresh idempotency key: 429, and nothing of them is kept', async () => {
    tenants = await TwoTenants.start({ MILLRACE_MAX_JOBS_PER_TENANT: '5', MILLRACE_WORKER_GRACE_MS: '0' });
    tenants.system.model.answer([{ silence: true }], { to: 'endless' });
    const body = JSON.stringify({ query: 'endless' });
    const redis = new Redis(tenants.system.redis.url);
    const submit = (count: number) =>
      Promise.all(
        Array.from({ length: count }, async () => {
          const headers = { ...keyOf('greedy'), 'content-type': 'application/json', accept: 'application/json' };
          return (await fetch(`${tenants.api.url}/jobs`, { method: 'POST', headers, body })).status;
        }),
      );
    expect(await submit(5)).toEqual(Array(5).fill(202));
    let answers: Record<number, number> = {};
    const kept = async () => (await redis.keys('*idempotency*')).length;
    const before = await kept();
    const result = await measured(async (signal) => {
      answers = await post(signal, 4, () => ({ body, headers: { 'idempotency-key': crypto.randomUUID() } }));
    });
    const keptKeys = (await kept()) - before;
    figures({ refused: answers[429] ?? 0, keptKeys, ...result });
    redis.disconnect();
    expect(keptKeys).toBe(0);
    expect(Object.keys(answers)).toEqual(['429']);
    expect(result.addedMiB).toBeLessThanOrEqual(300);
    expectUnnoticed(result);
  });

  it('endless jobs, more than there are slots: another tenant’s job starts at once', async () => {
    tenants = await TwoTenants.start({ MILLRACE_WORKER_CONCURRENCY: '50', MILLRACE_WORKER_GRACE_MS: '0' });
    tenants.system.model.answer([{ silence: true }], { to: 'endless' });
    const body = JSON.stringify({ query: 'endless' });
    const over = new AbortController();
    let sent = 0;
    await post(over.signal, 4, () => {
      sent += 1;
      if (sent >= 60) over.abort();
      return { body };
    });
    await eventually(() => tenants.system.model.requests.length === 40, { timeoutMs: 20_000 });
    const beside = await tenants.shortAnswersMs(SPAN_MS);
    figures({ endless: sent, running: 40, p99BesideMs: percentile(beside, 0.99) });
    expect(tenants.system.model.requests.filter(({ prompt }) => prompt === 'endless')).toHaveLength(40);
    expect(beside.length).toBeGreaterThan(10);
  });

  it('prompts of 1 MB into a Redis of 60 MiB: its own share fills, nobody else’s POST or DELETE fails', async () => {
    tenants = await TwoTenants.start({ MILLRACE_WORKER_GRACE_MS: '0' });
    const redis = new Redis(tenants.system.redis.url);
    const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
    await redis.config('SET', 'maxmemory-policy', 'noeviction');
    await redis.config('SET', 'maxmemory', String(used + 60 * MIB));
    await tenants.system.restart(tenants.api); // at its start it reads how much Redis may hold
    tenants.system.model.answer([{ silence: true }], { to: /^p+$/ });
    const prompt = JSON.stringify({ query: 'p'.repeat(1_000_000) });
    let answers: Record<number, number> = {};
    const result = await measured(async (signal) => {
      answers = await post(signal, 2, () => ({ body: prompt }));
    });
    const own = { ...keyOf('other'), 'content-type': 'application/json', accept: 'application/json' };
    const created = await fetch(`${tenants.api.url}/jobs`, { method: 'POST', headers: own, body: '{"query":"short"}' });
    const { id } = (await created.json()) as { id: string };
    const ready = await fetch(`${tenants.api.url}/readyz`);
    const filled = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]) - used;
    figures({ taken: answers[202] ?? 0, refused: answers[429] ?? 0, filledMiB: filled / MIB, ...result });
    redis.disconnect();
    expect([created.status, ready.status]).toEqual([202, 200]);
    expect([200, 409]).toContain(
      (await fetch(`${tenants.api.url}/jobs/${id}`, { method: 'DELETE', headers: own })).status,
    );
    expect(new Set(Object.keys(answers))).toEqual(new Set(['202', '429']));
    expect(filled).toBeLessThan(50 * MIB);
  });

  it('streams beyond its limit: 429, while another tenant has all that it asks for', async () => {
    tenants = await TwoTenants.start({ MILLRACE_MAX_STREAMS_PER_TENANT: '200', MILLRACE_WORKER_GRACE_MS: '0' });
    tenants.system.model.answer([{ silence: true }], { to: 'endless' });
    const leaving = new AbortController();
    const headers = { ...keyOf('greedy'), 'content-type': 'application/json' };
    const body = JSON.stringify({ query: 'endless' });
    const init = { method: 'POST', headers, body, signal: leaving.signal };
    let statuses: number[] = [];
    const result = await measured(async () => {
      const answers = Array.from({ length: 300 }, () => fetch(`${tenants.api.url}/jobs`, init));
      statuses = (await Promise.all(answers)).map(({ status }) => status);
    });
    leaving.abort();
    const count = (status: number) => statuses.filter((each) => each === status).length;
    figures({ open: count(200), refused: count(429), ...result });
    expect([count(200), count(429)]).toEqual([200, 100]);
    expectUnnoticed(result);
  });
});
