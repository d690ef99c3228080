import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newRequestId } from '@millrace/contracts';
import { eventually, startRedis, type TestRedis } from '@millrace/testing';
import { ApiHarness, type Env, post, submit, type TestNode } from '../testing/api-harness.ts';

const JSON_ONLY = { accept: 'application/json' };

let servers: [TestRedis, TestRedis];
let harness: ApiHarness;
let nodes = 0;

beforeAll(async () => {
  servers = await Promise.all([startRedis(), startRedis()]);
  harness = new ApiHarness(servers[0].url, { REDIS_URLS: servers.map(({ url }) => url).join(' ') });
}, 60_000);
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
  await Promise.all(servers.map((server) => server.stop()));
});

/** A node with keys of its own, and limits of its only tenant. */
async function nodeWith(limits: object, env: Env = {}): Promise<TestNode> {
  nodes += 1;
  const node = await harness.node({ MILLRACE_KEY_PREFIX: `${harness.prefix}-${nodes}`, ...env });
  const set = await fetch(`${node.url}/tenants/default/limits`, {
    ...{ method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(limits) },
  });
  expect(set.status).toBe(200);
  return node;
}

const ask = (node: TestNode, maxTokens: number, headers: Readonly<Record<string, string>> = {}) =>
  post(node, { query: 'hi', maxTokens }, { ...JSON_ONLY, ...headers });

const inShard = (shard: number) => ({ 'x-request-id': newRequestId(shard) });

describe('the limits of a tenant over two shards', () => {
  it.each([
    ['the service', {}, {}],
    ['the client', inShard(0), inShard(1)],
  ])('take one job that needs more than a share, and no second one, with ids of %s', async (_, first, second) => {
    const node = await nodeWith({ tokensPerDay: 1_000 });
    expect((await ask(node, 600, first)).status).toBe(202);
    const refused = await ask(node, 600, second);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('ratelimit')).toContain('"tokensPerDay";r=399;');
    const problem = (await refused.json()) as { detail: string; otherIds?: string[] };
    expect(problem.detail).toContain('399 left today');
    // no other shard would take it
    expect(problem.otherIds).toBeUndefined();
  });

  it('are whole in the first while the second is just being added, and takes no new jobs', async () => {
    const node = await nodeWith({ tokensPerDay: 1_000, queuedJobs: 2 }, { MILLRACE_SHARDS_IN_USE: '1' });
    expect((await ask(node, 399)).status).toBe(202);
    expect((await ask(node, 399)).status).toBe(202);
    expect((await ask(node, 99)).headers.get('ratelimit-policy')).toContain('q=2');
  });

  it('take it beside smaller ones in both', async () => {
    const node = await nodeWith({ tokensPerDay: 1_000 });
    for (const shard of [0, 1]) expect((await ask(node, 99, inShard(shard))).status).toBe(202);
    expect((await ask(node, 799)).status).toBe(202);
    expect((await ask(node, 799)).status).toBe(429);
  });

  it('say what is left in both once both have refused a smaller one', async () => {
    const node = await nodeWith({ tokensPerDay: 1_000 });
    for (const shard of [0, 1]) expect((await ask(node, 399, inShard(shard))).status).toBe(202);
    expect((await ask(node, 299)).headers.get('ratelimit')).toContain('"tokensPerDay";r=200;');
    // both have room for 100, which is what can be asked for
    expect((await ask(node, 149)).headers.get('ratelimit')).toContain('"tokensPerDay";r=100;');
  });

  it('take it, too, while a shard is away: what that has is not counted', async () => {
    const node = await nodeWith({ tokensPerDay: 1_000 });
    expect((await ask(node, 600, inShard(1))).status).toBe(202);
    expect((await ask(node, 600)).status).toBe(429);
    await servers[1].kill();
    try {
      expect((await ask(node, 600)).status).toBe(202);
      expect((await ask(node, 600)).status).toBe(429);
    } finally {
      await servers[1].start();
    }
    await eventually(async () => (await fetch(`${node.url}/usage`)).status === 200);
    expect((await ask(node, 600)).status).toBe(429);
  });

  it('count the bytes of both for a prompt that is larger than a share', async () => {
    const node = await nodeWith({ storedBytes: 8_000 });
    const large = (shard: number) => post(node, { query: 'x'.repeat(5_000) }, { ...JSON_ONLY, ...inShard(shard) });
    expect((await large(0)).status).toBe(202);
    const refused = await large(1);
    expect([refused.status, ((await refused.json()) as { otherIds?: string[] }).otherIds]).toEqual([429, undefined]);
    await submit(node, inShard(1));
  });
});
