import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type JobRef, jobRef, logLimits, newRequestId, shardNamedBy, threadRef } from '@millrace/contracts';
import { AttemptStarter, digestOf, type Shards } from '@millrace/stream-log';
import { eventually, startRedis, type TestRedis } from '@millrace/testing';
import { Redis } from 'ioredis';
import { ApiHarness, finish, post, say, submit, type TestNode } from '../testing/api-harness.ts';
import { SHARDS } from '../tokens.ts';
import { Sweeps } from './sweep/sweeps.ts';

let servers: [TestRedis, TestRedis];
let connections: Redis[];
let harness: ApiHarness;
let node: TestNode;

beforeAll(async () => {
  servers = await Promise.all([startRedis(), startRedis()]);
  connections = servers.map(({ url }) => new Redis(url, { retryStrategy: () => 50 }).on('error', () => undefined));
  harness = new ApiHarness(servers[0].url, { REDIS_URLS: servers.map(({ url }) => url).join(' ') });
  node = await harness.node();
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
  for (const redis of connections) redis.disconnect();
  await Promise.all(servers.map((server) => server.stop()));
});
afterEach(async () => {
  // a test may have taken a shard away
  await eventually(async () => (await readyz()).body.lostShards === undefined);
});

async function readyz({ url } = node): Promise<{ status: number; body: { lostShards?: number[] } }> {
  const answer = await fetch(`${url}/readyz`);
  return { status: answer.status, body: (await answer.json()) as { lostShards?: number[] } };
}

/** Makes a job in a shard. */
async function jobIn(shard: number, body: object = { query: 'hi' }): Promise<string> {
  for (;;) {
    const id = await submit(node, {}, body);
    if (shardNamedBy(id) === shard) return id;
  }
}

/** Runs a job to its end, as a worker of its shard does. */
async function answer(id: string, text: string): Promise<void> {
  const redis = connections[shardNamedBy(id) ?? 0] as Redis;
  const starter = new AttemptStarter(redis, harness.keys, logLimits(harness.settings({})));
  const begun = await starter.begin(jobRef('default', id), newRequestId(), { isNext: true });
  if (begun.kind !== 'begun') throw new Error(begun.kind);
  await say(begun.writer, [text]);
  await finish(begun.writer);
}

const EMPTY = { headers: { 'content-type': 'application/json' }, body: '{}' };
const get = (path: string) => fetch(`${node.url}${path}`);

describe('a node with two shards', () => {
  it('spreads new jobs over both, and streams from either', async () => {
    const ids = await Promise.all(Array.from({ length: 30 }, () => submit(node)));
    expect(new Set(ids.map(shardNamedBy))).toEqual(new Set([0, 1]));
    for (const [shard, redis] of connections.entries()) {
      const own = ids.filter((id) => shardNamedBy(id) === shard);
      const stored = await Promise.all(own.map((id) => redis.exists(harness.keys.record(jobRef('default', id)))));
      expect(stored.every((exists) => exists === 1)).toBe(true);
      const queued = await redis.zcard(`${harness.keys.queuePrefix}:jobs:prioritized`);
      expect(queued).toBe(own.length);
    }
    for (const shard of [0, 1]) {
      const id = ids.find((each) => shardNamedBy(each) === shard) as string;
      const stream = await get(`/jobs/${id}/stream`);
      await answer(id, `from shard ${shard}`);
      const events = await stream.text();
      expect(events).toContain(`from shard ${shard}`);
      expect(events).toContain('event: done');
    }
  });

  it('streams the job of a POST, whose id names its shard', async () => {
    for (const shard of new Set([0, 1])) {
      for (;;) {
        const stream = await post(node, { query: 'hi' }, { accept: 'text/event-stream' });
        const id = stream.headers.get('x-request-id') ?? '';
        expect(shardNamedBy(id)).not.toBeNull();
        await answer(id, 'whole');
        expect(await stream.text()).toContain('whole');
        if (shardNamedBy(id) === shard) break;
      }
    }
  });

  it('lists and pages the jobs of both', async () => {
    const ids: string[] = [];
    for (let nth = 0; nth < 12; nth += 1) ids.unshift(await submit(node));
    const seen: string[] = [];
    for (let cursor = ''; seen.length < ids.length; ) {
      const page = (await (await get(`/jobs?limit=5${cursor}`)).json()) as {
        items: { id: string }[];
        nextCursor: string | null;
        incomplete?: boolean;
      };
      expect(page.incomplete).toBeUndefined();
      seen.push(...page.items.map(({ id }) => id));
      if (page.nextCursor === null) break;
      cursor = `&cursor=${page.nextCursor}`;
    }
    expect(seen.slice(0, ids.length)).toEqual(ids);
  });

  it('lets the jobs of both wait for one thread, wherever that is', async () => {
    const threadId = `thread-${newRequestId()}`;
    const first = await jobIn(0, { query: 'one', threadId: `${threadId}-other` });
    expect(shardNamedBy(first)).toBe(0);
    const turns = [await submit(node, {}, { query: 'one', threadId })];
    while (!turns.some((id) => shardNamedBy(id) !== shardNamedBy(turns[0] ?? ''))) {
      turns.push(await submit(node, {}, { query: 'next', threadId }));
    }
    for (const id of turns) {
      await eventually(async () => {
        const thread = (await (await get(`/threads/${threadId}`)).json()) as { activeJob: string | null };
        return thread.activeJob === id;
      });
      await answer(id, 'said');
    }
    const thread = (await (await get(`/threads/${threadId}`)).json()) as { activeJob: string | null; lastJob: string };
    expect(thread).toMatchObject({ activeJob: null, lastJob: turns.at(-1) });
    const removed = await fetch(`${node.url}/threads/${threadId}`, { method: 'DELETE' });
    expect(removed.status).toBe(204);
    for (const id of turns) expect((await get(`/jobs/${id}`)).status).toBe(404);
  });

  it('copies a thread to the other shard', async () => {
    const threadId = `thread-${newRequestId()}`;
    const id = await submit(node, {}, { query: 'one', threadId });
    await answer(id, 'said');
    const messages = async (ofThread: string) => (await get(`/threads/${ofThread}/messages`)).json();
    const shards = new Set<number>();
    for (let nth = 0; shards.size < 2; nth += 1) {
      const copyId = `${threadId}-${nth}`;
      const copy = await fetch(`${node.url}/threads/${threadId}/fork`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ id: copyId }),
      });
      expect(copy.status).toBe(201);
      const places = await Promise.all(connections.map((redis) => redis.keys(`*${copyId}}:record`)));
      shards.add(places.findIndex((keys) => keys.length > 0));
      expect(await messages(copyId)).toEqual(await messages(threadId));
    }
    expect(shards).toEqual(new Set([0, 1]));
  });

  it('finds what fell between record and queue in each of them', async () => {
    for (const shard of [0, 1]) {
      const id = await jobIn(shard);
      const redis = connections[shard] as Redis;
      await redis.del(...(await redis.keys(`${harness.keys.queuePrefix}*`)));
      const [seconds] = await redis.time();
      await redis.zadd(harness.keys.openJobs, String((Number(seconds) - 60) * 1e6), jobRef('default', id));
      expect(await node.api.nest.get(Sweeps).parts[shard]?.sweep()).toBeGreaterThan(0);
      const queued = await redis.zrange(`${harness.keys.queuePrefix}:jobs:prioritized`, '0', '-1');
      expect(queued).toContain(jobRef('default', id));
    }
  });

  it.each([0, 1])('goes on without shard %d, and says what it lacks', async (lost) => {
    const living = 1 - lost;
    const [gone, here] = [await jobIn(lost), await jobIn(living)];
    const stream = await get(`/jobs/${here}/stream`);
    await servers[lost]?.kill();
    try {
      await eventually(async () => (await readyz()).body.lostShards?.[0] === lost);
      expect((await readyz()).status).toBe(200);
      const ids = await Promise.all(Array.from({ length: 20 }, () => submit(node)));
      expect(new Set(ids.map(shardNamedBy))).toEqual(new Set([living]));
      await answer(here, 'went on');
      expect(await stream.text()).toContain('went on');
      expect((await fetch(`${node.url}/jobs/${here}/data`, { method: 'DELETE' })).status).toBe(204);
      expect((await get(`/jobs/${gone}`)).status).toBe(503);
      const list = (await (await get('/jobs?limit=100')).json()) as { items: { id: string }[]; incomplete?: boolean };
      expect(list.incomplete).toBe(true);
      expect(list.items.map(({ id }) => id)).toEqual(expect.arrayContaining(ids));
      expect(list.items.map(({ id }) => id)).not.toContain(gone);
      expect(((await (await get('/threads')).json()) as { incomplete?: boolean }).incomplete).toBe(true);
      const made = Array.from({ length: 20 }, () => fetch(`${node.url}/threads`, { method: 'POST', ...EMPTY }));
      expect(new Set((await Promise.all(made)).map(({ status }) => status))).toEqual(new Set([201]));
    } finally {
      await servers[lost]?.start();
    }
  });

  it.each([0, 1])('starts without shard %d, and makes its jobs in the other', async (lost) => {
    await servers[lost]?.kill();
    try {
      const late = await harness.node();
      await eventually(async () => (await readyz(late)).status === 200);
      const ids = await Promise.all(Array.from({ length: 5 }, () => submit(late)));
      expect(ids.every((id) => id.endsWith(`-s${1 - lost}`))).toBe(true);
    } finally {
      await servers[lost]?.start();
    }
  });

  it('makes a new job elsewhere while a shard hangs', async () => {
    await servers[1].pause();
    try {
      const ids = await Promise.all(Array.from({ length: 10 }, () => submit(node)));
      expect(new Set(ids.map(shardNamedBy))).toEqual(new Set([0]));
      const stream = await post(node, { query: 'hi' }, { accept: 'text/event-stream' });
      const id = stream.headers.get('x-request-id') ?? '';
      await answer(id, 'streamed');
      expect(await stream.text()).toContain('streamed');
    } finally {
      await servers[1].resume();
    }
  });

  it('has room for as many jobs as the limit of all shards, whichever share is full', async () => {
    const small = await harness.node({
      MILLRACE_MAX_JOBS_PER_TENANT: '6',
      MILLRACE_KEY_PREFIX: `${harness.prefix}-small`,
    });
    const ids = [];
    for (let nth = 0; nth < 6; nth += 1) ids.push(await submit(small));
    expect(ids.filter((id) => shardNamedBy(id) === 0)).toHaveLength(3);
    expect((await post(small, { query: 'hi' }, { accept: 'application/json' })).status).toBe(429);
  });

  it('has room in the last of three, too, when the shares of the others are full', async () => {
    await using third = await startRedis();
    for (let nth = 0; nth < 6; nth += 1) {
      const small = await harness.node({
        REDIS_URLS: [...servers, third].map(({ url }) => url).join(' '),
        MILLRACE_MAX_JOBS_PER_TENANT: '6',
        MILLRACE_KEY_PREFIX: `${harness.prefix}-three-${nth}`,
      });
      for (const shard of [0, 0, 1, 1]) await submit(small, { 'x-request-id': newRequestId(shard) });
      expect([await submit(small), await submit(small)].map(shardNamedBy)).toEqual([2, 2]);
    }
  });
});

/** The problem of a refused POST for an id that the client chose. */
async function refused(id: string, body: object, at = node): Promise<{ status: number; otherIds?: string[] }> {
  const answer = await post(at, body, { accept: 'application/json', 'x-request-id': id });
  return (await answer.json()) as { status: number; otherIds?: string[] };
}

/** Names of things that would be in a shard. */
const chosenIn = (shard: number) => nameIn(shard, (name) => jobRef('default', name));
const threadIn = (shard: number) => nameIn(shard, (name) => `thread ${threadRef('default', name)}`);
const idempotencyKeyIn = (shard: number) => nameIn(shard, (name) => `idempotency ${digestOf('default', name)}`);

function nameIn(shard: number, hashed: (name: string) => string): string {
  const shards = node.api.nest.get<Shards>(SHARDS);
  for (;;) {
    const name = newRequestId();
    if (shards.of(hashed(name), '') === shard) return name;
  }
}

describe('a node that refuses an id because of its shard', () => {
  it.each([
    ['killed', () => servers[1].kill(), () => servers[1].start()],
    ['frozen', () => servers[1].pause(), () => servers[1].resume()],
  ])('says which others it takes, while the shard is %s', async (_, away, back) => {
    await away();
    try {
      const id = chosenIn(1);
      const { status, otherIds = [] } = await refused(id, { query: 'hi' });
      expect([status, otherIds.map(shardNamedBy)]).toEqual([503, [0]]);
      const [otherId = ''] = otherIds;
      expect(await submit(node, { 'x-request-id': otherId })).toBe(otherId);
      // also of an id that names the shard, and of one with a key that nobody has used
      const named = await post(
        node,
        { query: 'hi' },
        { accept: 'application/json', 'x-request-id': newRequestId(1), 'idempotency-key': idempotencyKeyIn(0) },
      );
      expect(((await named.json()) as { otherIds?: string[] }).otherIds).toHaveLength(1);
      // the first waits for the shard, later ones do not
      await eventually(async () => {
        const askedAt = performance.now();
        expect((await refused(chosenIn(1), { query: 'hi' })).status).toBe(503);
        return performance.now() - askedAt < 500;
      });
    } finally {
      await back();
    }
    await eventually(async () => (await readyz()).body.lostShards === undefined);
    await submit(node, { 'x-request-id': chosenIn(1) });
  });

  it('does not, where a job may be stored, or the request itself needs the shard', async () => {
    const [inLost, other] = [threadIn(1), chosenIn(0)];
    await submit(node, {}, { query: 'hi', threadId: inLost });
    await servers[1].kill();
    try {
      await eventually(async () => (await readyz()).body.lostShards?.[0] === 1);
      expect(await refused(other, { query: 'hi', threadId: inLost })).not.toHaveProperty('otherIds');
      expect((await get(`/jobs/${other}`)).status).toBe(200);
      const answers = { pipeline: 'chat', resume: 1, threadId: inLost };
      const question = await refused(chosenIn(0), answers);
      expect([question.status, question.otherIds]).toEqual([503, undefined]);
    } finally {
      await servers[1].start();
    }
  });

  it('says so of a share of a limit that is used up, and leaves nothing behind', async () => {
    const small = await harness.node({
      MILLRACE_MAX_JOBS_PER_TENANT: '2',
      MILLRACE_KEY_PREFIX: `${harness.prefix}-refused`,
    });
    await submit(small, { 'x-request-id': newRequestId(0) });
    const id = chosenIn(0);
    const { status, otherIds = [] } = await refused(id, { query: 'hi' }, small);
    expect([status, otherIds.map(shardNamedBy)]).toEqual([429, [1]]);
    await submit(small, { 'x-request-id': otherIds[0] ?? '' });
    expect((await fetch(`${small.url}/jobs/${id}`)).status).toBe(404);
    const alone = new ApiHarness(servers[0].url, { MILLRACE_MAX_JOBS_PER_TENANT: '1' });
    await using _ = alone;
    const one = await alone.node();
    await submit(one);
    const full = await refused(newRequestId(), { query: 'hi' }, one);
    expect([full.status, full.otherIds]).toEqual([429, undefined]);
  });
});

describe('a node that starts without the shard that has the data keys', () => {
  it.each<Readonly<Record<string, string>>>([{}, { MILLRACE_ENCRYPTION_KEYS: `a:${'A'.repeat(43)}=` }])(
    'serves the other with the settings %j, as far as it can',
    async (env) => {
      await servers[0].kill();
      try {
        const alone = await harness.node({ ...env, MILLRACE_KEY_PREFIX: `${harness.prefix}-alone` });
        const id = await submit(alone).catch((error: unknown) => String(error));
        // a tenant whose key nobody has yet waits for home
        if ('MILLRACE_ENCRYPTION_KEYS' in env) expect(id).toContain('503');
        else {
          expect(shardNamedBy(id)).toBe(1);
          expect((await fetch(`${alone.url}/readyz`)).status).toBe(200);
        }
      } finally {
        await servers[0].start();
      }
    },
    240_000,
  );
});

it('a node does not start with one Redis under two names', async () => {
  const { url } = servers[0] as TestRedis;
  const twice = harness.node({
    REDIS_URLS: `${url} ${url.replace('127.0.0.1', 'localhost')}`,
    MILLRACE_KEY_PREFIX: `${harness.prefix}-twice`,
  });
  await expect(twice).rejects.toThrow('URL 2 of REDIS_URLS is shard 0, not 1');
});

it.each([
  { servers: 1, there: 0, beyond: 1 },
  { servers: 2, there: 1, beyond: 2 },
])('a node with $servers takes no id that names one beyond: it may be added later', async (shards) => {
  const urls = servers.slice(0, shards.servers).map(({ url }) => url);
  const some = await harness.node({
    REDIS_URLS: urls.join(' '),
    MILLRACE_KEY_PREFIX: `${harness.prefix}-ids-${urls.length}`,
  });
  const ask = (id: string) => post(some, { query: 'hi' }, { accept: 'application/json', 'x-request-id': id });
  expect((await ask(newRequestId(shards.there))).status).toBe(202);
  const refused = await ask(newRequestId(shards.beyond));
  expect(refused.status).toBe(400);
  expect(((await refused.json()) as { detail: string }).detail).toContain(`"-s${shards.beyond}"`);
  // one that only looks like it
  expect((await ask(`${newRequestId()}-s0${shards.beyond}`)).status).toBe(202);
});

/** Makes a job as before there was another shard, whose hash now says that it is there. */
async function oldJob(one: ApiHarness, grown: TestNode): Promise<{ ref: JobRef }> {
  const shards = grown.api.nest.get<Shards>(SHARDS);
  const before = await one.node();
  for (;;) {
    const ref = jobRef('default', await submit(before));
    if (shards.placesOfJob(ref)[0] === 1) return { ref };
  }
}

describe('a node with one shard that was there before, and one that was added', () => {
  it('erases what was made before, whatever its hash says now', async () => {
    await using one = new ApiHarness(servers[0].url);
    const [before] = [await one.node()];
    const ids: string[] = [];
    for (let nth = 0; nth < 8; nth += 1)
      ids.push(await submit(before, {}, { query: 'hi', threadId: `thread-${nth % 2}` }));
    for (const id of ids.slice(0, 2)) await one.answer(id, ['said']);
    const grown = await one.node({ REDIS_URLS: servers.map(({ url }) => url).join(' | ') });
    for (const id of ids) expect((await fetch(`${grown.url}/jobs/${id}`)).status).toBe(200);
    const erased = await fetch(`${grown.url}/jobs/${ids[0]}/data`, { method: 'DELETE' });
    expect(erased.status).toBe(204);
    const listed = async () => {
      const page = (await (await fetch(`${grown.url}/jobs?limit=100`)).json()) as { items: { id: string }[] };
      return page.items.map(({ id }) => id);
    };
    expect(await listed()).not.toContain(ids[0]);
    expect(await one.redis.zscore(one.keys.jobsOf('default'), jobRef('default', ids[0] ?? ''))).toBeNull();
    // of one the record is gone, which tells where the lists have it
    const { ref: expired } = await oldJob(one, grown);
    await one.redis.del(one.keys.record(expired));
    const tenant = await fetch(`${grown.url}/tenants/default/data`, { method: 'DELETE' });
    expect(tenant.status).toBe(204);
    expect(await listed()).toEqual([]);
    expect(await one.redis.zcard(one.keys.jobsOf('default'))).toBe(0);
    for (const id of ids) expect((await fetch(`${grown.url}/jobs/${id}`)).status).toBe(404);
  });

  it('knows the limits in the new one that were set before', async () => {
    await using one = new ApiHarness(servers[0].url, {
      MILLRACE_AUTH: 'apikey',
      MILLRACE_API_KEYS: 'acme:user:the-secret-of-acme,ops:admin:the-secret-of-the-operators',
    });
    const before = await one.node();
    const headers = { authorization: 'Bearer the-secret-of-the-operators', 'content-type': 'application/json' };
    const body = JSON.stringify({ activeJobs: 2 });
    const set = await fetch(`${before.url}/tenants/acme/limits`, { method: 'PUT', headers, body });
    expect(set.status).toBe(200);
    await one.node({ REDIS_URLS: servers.map(({ url }) => url).join(' | ') });
    await eventually(async () => (await connections[1]?.hget(one.keys.limits, 'acme')) === body, { timeoutMs: 15_000 });
  });
});
