import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { JobView } from '@millrace/contracts';
import { eventually, startRedis, type TestRedis } from '@millrace/testing';
import { ApiHarness, finish, post, say, submit, type TestNode } from '../testing/api-harness.ts';

const KEYS = { alice: 'alice-secret-0001', bob: 'bob-secret-000002' };
const ENV = {
  MILLRACE_AUTH: 'apikey',
  MILLRACE_API_KEYS: Object.entries(KEYS)
    .map(([tenant, secret]) => `${tenant}:manager:${secret}`)
    .join(),
};
const as = (tenant: keyof typeof KEYS) => ({ authorization: `Bearer ${KEYS[tenant]}` });

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis?.stop());

let harness: ApiHarness;
beforeEach(() => {
  harness = new ApiHarness(redis.url, ENV);
});
afterEach(() => harness[Symbol.asyncDispose]());

const call = (node: TestNode, method: string, path: string, who: keyof typeof KEYS) =>
  fetch(`${node.url}${path}`, { method, headers: as(who) });

/** Redis takes no write that needs memory, until the returned object is disposed of. */
async function full(): Promise<AsyncDisposable> {
  await harness.redis.config('SET', 'maxmemory-policy', 'noeviction');
  await harness.redis.config('SET', 'maxmemory', '1');
  return {
    [Symbol.asyncDispose]: async () => {
      await harness.redis.config('SET', 'maxmemory', '0');
    },
  };
}

describe('a full Redis (law 16)', () => {
  it('is reported at /readyz, and new jobs are refused until there is room again', async () => {
    const node = await harness.node();
    const readyz = async () => {
      const answer = await fetch(`${node.url}/readyz`);
      return [answer.status, await answer.json()];
    };
    await eventually(async () => (await readyz())[0] === 200);
    {
      await using _full = await full();
      expect(await readyz()).toEqual([503, { status: 'unready', obstacles: ['redis-writes'] }]);
      const refused = await post(node, { query: 'hi' }, as('bob'));
      expect([refused.status, await refused.json()]).toMatchObject([503, { code: 'UNAVAILABLE' }]);
    }
    expect(await readyz()).toEqual([200, { status: 'ready' }]);
    await submit(node, as('bob'));
  });

  it('still accepts cancels, ends and hand-overs, and answers reads', async () => {
    const node = await harness.node();
    const ids = await Promise.all(Array.from({ length: 4 }, () => submit(node, as('bob'))));
    const [queued = '', running = '', ending = '', released = ''] = ids;
    const writers = await Promise.all([running, ending, released].map((id) => harness.begin(id, 'bob')));
    for (const writer of writers) await say(writer, ['half']);
    await using _full = await full();
    for (const id of [queued, running]) {
      const answer = await call(node, 'DELETE', `/jobs/${id}`, 'bob');
      expect([answer.status, await answer.json()]).toMatchObject([200, { status: 'cancelled' }]);
    }
    if (writers[1] !== undefined) await finish(writers[1]);
    const ended = (await (await call(node, 'GET', `/jobs/${ending}`, 'bob')).json()) as JobView;
    expect(ended).toMatchObject({ status: 'completed', text: 'half' });
    expect(await writers[2]?.release('handover')).toBe('released');
    const again = (await (await call(node, 'GET', `/jobs/${released}`, 'bob')).json()) as JobView;
    expect(again.status).toBe('queued');
  });
});

describe('a full Redis beside an archive (law 16)', () => {
  it('erases what has ended, and knows ids that nobody has', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-archive-'));
    await using _folder = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
    const node = await harness.node({ MILLRACE_ARCHIVE: pathToFileURL(folder).href });
    const id = await submit(node, as('bob'));
    await finish(await harness.begin(id, 'bob'));
    await using _full = await full();
    expect((await call(node, 'GET', '/jobs/an-id-that-nobody-has', 'bob')).status).toBe(404);
    expect((await call(node, 'DELETE', `/jobs/${id}/data`, 'bob')).status).toBe(204);
    expect((await call(node, 'GET', `/jobs/${id}`, 'bob')).status).toBe(404);
  });
});

describe('what one tenant has in Redis (law 16)', () => {
  const big = { query: 'p'.repeat(300_000) };

  it('is bounded by a setting, without effect on others; ended jobs free their prompts', async () => {
    const node = await harness.node({ MILLRACE_MAX_STORED_BYTES_PER_TENANT: '1048576' });
    const ids = [await submit(node, as('alice'), big), await submit(node, as('alice'), big)];
    ids.push(await submit(node, as('alice'), big));
    const refused = await post(node, big, as('alice'));
    expect([refused.status, await refused.json()]).toMatchObject([429, { code: 'QUOTA_EXCEEDED' }]);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    await submit(node, as('bob'), big);
    // a job that is there already is never turned away
    expect(await submit(node, { ...as('alice'), 'x-request-id': ids[0] ?? '' }, big)).toBe(ids[0]);
    await call(node, 'DELETE', `/jobs/${ids[0]}`, 'alice');
    await submit(node, as('alice'), big);
  });

  it('is a share of the memory of Redis by default', async () => {
    await harness.redis.config('SET', 'maxmemory', String(512 * 1024 * 1024));
    try {
      await harness.redis.config('SET', 'maxmemory-policy', 'noeviction');
      const node = await harness.node();
      // 80 % for two tenants: 204.8 MiB each
      await harness.redis.hset(harness.keys.storedBytesOf('alice'), 'total', 204 * 1024 * 1024);
      await submit(node, as('alice'));
      await harness.redis.hset(harness.keys.storedBytesOf('alice'), 'total', 205 * 1024 * 1024);
      expect((await post(node, { query: 'hi' }, as('alice'))).status).toBe(429);
      await submit(node, as('bob'));
    } finally {
      await harness.redis.config('SET', 'maxmemory', '0');
    }
  });
});

describe('a request that is refused (PROTOCOL §2)', () => {
  it('leaves nothing behind, whatever it contains', async () => {
    const node = await harness.node({ MILLRACE_MAX_JOBS_PER_TENANT: '1' });
    const known = await submit(node, as('alice'));
    const everything = () => harness.storedKeys();
    const before = await everything();
    const sent: [body: object, headers: Record<string, string>, status: number][] = [
      [{ query: 'hi' }, {}, 429],
      [{ query: 'other' }, { 'x-request-id': known }, 422],
      [{ query: 'hi', pipeline: 'none' }, {}, 422],
      [{ query: 'hi', model: 'none' }, {}, 422],
      [{ nothing: true }, {}, 400],
      [{ query: 'hi' }, { accept: 'image/png' }, 400],
    ];
    for (const [body, headers, status] of sent) {
      const answer = await post(node, body, { ...as('alice'), ...headers, 'idempotency-key': crypto.randomUUID() });
      expect([body, answer.status]).toEqual([body, status]);
    }
    expect(await everything()).toEqual(before);
  });
});
