import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createLogger } from '@millrace/runtime';
import { KeySpace, StreamShares } from '@millrace/stream-log';
import { eventually, newKeyPrefix, startRedis, type TestRedis } from '@millrace/testing';
import type { FastifyReply } from 'fastify';
import { Redis } from 'ioredis';
import type { Caller } from '../auth/caller.ts';
import { TooManyStreams } from '../http/problem.ts';
import { ApiHarness, submit, type TestNode } from '../testing/api-harness.ts';
import { StreamQuota } from './stream-quota.ts';
import type { TenantLimits } from './tenant-limits.ts';

const MAX = 4;

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server?.stop());

async function deployment(env: Record<string, string> = {}) {
  const harness = new ApiHarness(server.url, { MILLRACE_MAX_STREAMS_PER_TENANT: String(MAX), ...env });
  const nodes = [await harness.node(), await harness.node()] as const;
  return { harness, nodes, [Symbol.asyncDispose]: () => harness[Symbol.asyncDispose]() };
}

/** Opens streams of one job, on the nodes in turn, all at once. */
async function openMany(nodes: readonly TestNode[], id: string, count: number) {
  const gone = new AbortController();
  const answers = await Promise.all(
    Array.from({ length: count }, (_, nth) =>
      fetch(`${nodes[nth % nodes.length]?.url}/jobs/${id}/stream`, { signal: gone.signal }),
    ),
  );
  const open = answers.filter(({ status }) => status === 200).length;
  const refused = answers.filter(({ status }) => status === 429).length;
  return { open, refused, [Symbol.dispose]: () => gone.abort() };
}

const usedOf = async (node: TestNode) => {
  const answer = await fetch(`${node.url}/tenants/default/limits`);
  return ((await answer.json()) as { use: { streams: number } }).use.streams;
};

it('two nodes that race admit as many streams as one may, and others once some have ended', async () => {
  await using d = await deployment();
  const id = await submit(d.nodes[0]);
  for (let round = 0; round < 3; round += 1) {
    {
      using raced = await openMany(d.nodes, id, 20);
      expect(raced).toMatchObject({ open: MAX, refused: 20 - MAX });
      await eventually(async () => (await usedOf(d.nodes[0])) === MAX && (await usedOf(d.nodes[1])) === MAX);
    }
    await eventually(async () => (await usedOf(d.nodes[0])) === 0 && (await usedOf(d.nodes[1])) === 0);
  }
  expect(await d.harness.redis.exists(d.harness.keys.streamSharesOf('default'))).toBe(0);
});

it('what a large limit grants in advance never exceeds it, and comes back', async () => {
  await using d = await deployment({ MILLRACE_MAX_STREAMS_PER_TENANT: '100' });
  const id = await submit(d.nodes[0]);
  using first = await openMany(d.nodes, id, 10);
  expect(first.open).toBe(10);
  using second = await openMany(d.nodes, id, 120);
  expect(second.open).toBeLessThanOrEqual(90);
  await eventually(async () => {
    using rest = await openMany(d.nodes, id, 1);
    return rest.open === 0;
  });
  await eventually(async () => (await usedOf(d.nodes[0])) >= 99);
});

it('the share of a killed node comes back within seconds', async () => {
  await using d = await deployment();
  const id = await submit(d.nodes[0]);
  const killed = new StreamShares(d.harness.redis, d.harness.keys, 'killed');
  expect(await killed.ask({ tenant: 'default', open: 0, wanted: MAX, max: MAX })).toBe(MAX);
  using before = await openMany(d.nodes, id, 1);
  expect(before.open).toBe(0);
  const since = performance.now();
  await eventually(async () => {
    using after = await openMany(d.nodes, id, MAX);
    return after.open === MAX;
  });
  expect(performance.now() - since).toBeLessThan(20_000);
});

it('a node that is stopped gives its share back at once', async () => {
  await using d = await deployment();
  const id = await submit(d.nodes[0]);
  const leaving = new StreamShares(d.harness.redis, d.harness.keys, 'leaving');
  await leaving.ask({ tenant: 'default', open: 0, wanted: MAX, max: MAX });
  await leaving.withdraw();
  using after = await openMany(d.nodes, id, MAX);
  expect(after.open).toBe(MAX);
});

it('a lower limit holds on every node, also for what was granted in advance', async () => {
  await using d = await deployment({ MILLRACE_MAX_STREAMS_PER_TENANT: '1000' });
  const id = await submit(d.nodes[0]);
  using granted = await openMany(d.nodes, id, 2);
  expect(granted.open).toBe(2);
  const put = { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ streams: 2 }) };
  expect((await fetch(`${d.nodes[0].url}/tenants/default/limits`, put)).status).toBe(200);
  await eventually(async () => {
    using more = await openMany(d.nodes, id, 2);
    return more.refused === 2;
  });
});

it('while Redis hangs each node counts its own, and together again once it answers', async () => {
  const own = await startRedis();
  const keys = new KeySpace(newKeyPrefix());
  const connections = [new Redis(own.url), new Redis(own.url)];
  const quotas = connections.map((redis, nth) => {
    const limits = { limitsOf: () => ({ streams: 2 }) } as unknown as TenantLimits;
    const logger = createLogger({ service: 'api', level: 'silent' });
    return new StreamQuota(limits, new StreamShares(redis, keys, `node-${nth}`), logger);
  });
  const caller = { tenant: 'acme' } as Caller;
  const open = async (nth: number) => {
    const raw = new ServerResponse(new IncomingMessage(new Socket()));
    await quotas[nth]?.acquire({ raw } as FastifyReply, caller);
    return raw;
  };
  try {
    for (const quota of quotas) quota.onApplicationBootstrap();
    const first = [await open(0), await open(0)];
    await expect(open(1)).rejects.toBeInstanceOf(TooManyStreams);
    await own.pause();
    const alone = [await open(1), await open(1)];
    await expect(open(1)).rejects.toBeInstanceOf(TooManyStreams);
    await own.resume();
    await eventually(async () => (await quotas[1]?.openStreamsOf('acme')) === 4);
    for (const raw of [...first, ...alone.slice(1)]) raw.emit('close');
    // one is left, so that there is room for one
    await eventually(async () => (await quotas[0]?.openStreamsOf('acme')) === 1);
    await open(0);
    await expect(open(1)).rejects.toBeInstanceOf(TooManyStreams);
  } finally {
    for (const quota of quotas) quota.onApplicationShutdown();
    for (const redis of connections) redis.disconnect();
    await own.stop();
  }
});
