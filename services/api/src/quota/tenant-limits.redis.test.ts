import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jobRef } from '@millrace/contracts';
import { UsageLedger } from '@millrace/stream-log';
import { eventually, readSse, startRedis, type TestRedis } from '@millrace/testing';
import { ApiHarness, post, submit, type TestNode } from '../testing/api-harness.ts';

const NODES = 2;
const json = { accept: 'application/json' };

let redis: TestRedis;
let harness: ApiHarness;
let nodes: readonly [TestNode, TestNode];

beforeAll(async () => {
  redis = await startRedis();
  harness = new ApiHarness(redis.url, {
    MILLRACE_AUTH: 'apikey',
    MILLRACE_API_KEYS: 'ops:admin:secret-of-the-operators,acme:manager:secret-of-the-manager-acme',
    MILLRACE_MAX_JOBS_PER_TENANT: '300',
    MILLRACE_CORS_ORIGINS: 'http://page.example',
  });
  nodes = [await harness.node(), await harness.node()];
});
afterAll(async () => {
  await harness?.[Symbol.asyncDispose]();
  await redis?.stop();
});

const ADMIN = { authorization: 'Bearer secret-of-the-operators' };
const MANAGER = { authorization: 'Bearer secret-of-the-manager-acme' };

interface Answer {
  limits: Record<string, number | null>;
  use: Record<string, number>;
}

/** A tenant of its own, so that no test feels another one. @returns the header with its key */
async function newTenant(): Promise<{ name: string; headers: { authorization: string } }> {
  const name = `t-${crypto.randomUUID()}`;
  const answer = await fetch(`${nodes[0].url}/keys`, {
    method: 'POST',
    headers: { ...ADMIN, 'content-type': 'application/json' },
    body: JSON.stringify({ tenant: name }),
  });
  const { key } = (await answer.json()) as { key: string };
  return { name, headers: { authorization: `Bearer ${key}` } };
}

function put(tenant: string, body: unknown, headers: object = ADMIN, node = nodes[0]): Promise<Response> {
  return fetch(`${node.url}/tenants/${tenant}/limits`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

async function get(tenant: string, node: TestNode = nodes[0], headers: object = ADMIN): Promise<Answer> {
  const answer = await fetch(`${node.url}/tenants/${tenant}/limits`, { headers: { ...headers } });
  expect(answer.status).toBe(200);
  return (await answer.json()) as Answer;
}

/** Sets limits and waits until they hold on both nodes. */
async function limit(tenant: string, limits: object): Promise<void> {
  expect((await put(tenant, limits)).status).toBe(200);
  await eventually(async () => {
    const seen = await get(tenant, nodes[1]);
    return Object.entries(limits).every(([name, value]) => seen.limits[name] === value);
  });
}

const nodeOf = (n: number) => nodes[n % NODES] as TestNode;

async function statusesOf(answers: readonly Promise<Response>[]): Promise<Record<number, number>> {
  const counts: Record<number, number> = {};
  for (const { status } of await Promise.all(answers)) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

describe('the limits of a tenant (PROTOCOL §11)', () => {
  it('are those of the settings until an admin sets others, and again when these are left out', async () => {
    const { name } = await newTenant();
    const ofSettings = { requestsPerMinute: null, queuedJobs: 300, streams: 1_000, tokensPerDay: null };
    expect((await get(name)).limits).toMatchObject(ofSettings);
    await limit(name, { queuedJobs: 7, streams: null, requestsPerMinute: 900, activeJobs: 2, tokensPerDay: 5 });
    expect((await get(name, nodes[1])).limits).toEqual({
      ...{ requestsPerMinute: 900, queuedJobs: 7, activeJobs: 2, streams: null, tokensPerDay: 5 },
      storedBytes: expect.any(Number),
    });
    await limit(name, { storedBytes: 9 });
    expect((await get(name, nodes[1])).limits).toMatchObject({ ...ofSettings, storedBytes: 9 });
    await limit(name, {});
    await eventually(async () => (await get(name, nodes[1])).limits['storedBytes'] !== 9);
  });

  it('are shown with what is used', async () => {
    const { name, headers } = await newTenant();
    await limit(name, { requestsPerMinute: 100, tokensPerDay: 100_000 });
    const id = await submit(nodes[0], headers);
    await submit(nodes[1], headers);
    await harness.begin(id, name);
    await using stream = await readSse(`${nodes[0].url}/jobs/${id}/stream`, { headers });
    await stream.take(1);
    const { use } = await get(name);
    expect(use).toMatchObject({ requestsPerMinute: 2, queuedJobs: 2, streams: 1 });
    expect(use['storedBytes']).toBeGreaterThan(0);
    expect(use['tokensPerDay']).toBeGreaterThan(0);
  });

  it('are set by admins alone, and shown to managers of the tenant; an audit line tells who', async () => {
    const { name, headers } = await newTenant();
    expect((await put('acme', { streams: 5 }, MANAGER)).status).toBe(403);
    expect((await put(name, { streams: 5 }, headers)).status).toBe(403);
    expect((await fetch(`${nodes[0].url}/tenants/${name}/limits`, { headers: MANAGER })).status).toBe(403);
    expect((await fetch(`${nodes[0].url}/tenants/${name}/limits`, { headers })).status).toBe(403);
    await put('acme', { streams: 55, queuedJobs: null });
    expect((await get('acme', nodes[0], MANAGER)).limits).toMatchObject({ streams: 55, queuedJobs: null });
    expect(nodes[0].log).toContainEqual(
      expect.objectContaining({
        ...{ audit: true, action: 'limits.set', tenant: 'acme', details: { streams: 55, queuedJobs: null } },
        by: expect.objectContaining({ tenant: 'ops', role: 'admin' }),
      }),
    );
  });

  it.each([
    [{ streams: 0 }, '/streams'],
    [{ streams: -1 }, '/streams'],
    [{ queuedJobs: 1.5 }, '/queuedJobs'],
    [{ queuedJobs: '5' }, '/queuedJobs'],
    [{ storedBytes: 1e15 }, '/storedBytes'],
    [{ activeJobs: true }, '/activeJobs'],
    [{ tokensPerDay: [] }, '/tokensPerDay'],
    [{ requestsPerMinute: {} }, '/requestsPerMinute'],
    [{ jobs: 5 }, '/jobs'],
    [{ streams: 5, constructor: 5 }, '/constructor'],
    [[], ''],
    [null, ''],
  ])('are refused by name: %j', async (body, pointer) => {
    const { name } = await newTenant();
    const answer = await put(name, body);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: 'INVALID_REQUEST', errors: [{ pointer }] });
    expect(await harness.redis.hexists(harness.keys.limits, name)).toBe(0);
  });

  it('bound unfinished jobs: of 200 requests at once on two nodes, as many as are allowed', async () => {
    const [{ name, headers }, other] = [await newTenant(), await newTenant()];
    await limit(name, { queuedJobs: 20 });
    const sent = Array.from({ length: 200 }, (_, n) => post(nodeOf(n), { query: 'x' }, { ...json, ...headers }));
    const others = Array.from({ length: 20 }, (_, n) => post(nodeOf(n), { query: 'x' }, { ...json, ...other.headers }));
    expect(await statusesOf(sent)).toEqual({ 202: 20, 429: 180 });
    expect(await statusesOf(others)).toEqual({ 202: 20 });
    const refused = await post(nodes[1], { query: 'x' }, { ...json, ...headers });
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(refused.headers.get('ratelimit')).toBe('"queuedJobs";r=0');
    expect(refused.headers.get('ratelimit-policy')).toBe('"queuedJobs";q=20;qu="concurrent-requests"');
    expect((await get(name)).use['queuedJobs']).toBe(20);
  });

  it('end nothing when they are lowered, and refuse what is new', async () => {
    const { name, headers } = await newTenant();
    const id = await submit(nodes[1], headers);
    await submit(nodes[1], headers);
    await using stream = await readSse(`${nodes[1].url}/jobs/${id}/stream`, { headers });
    await stream.take(1);
    await limit(name, { queuedJobs: 1, streams: 1 });
    expect((await post(nodes[1], { query: 'x' }, { ...json, ...headers })).status).toBe(429);
    expect((await fetch(`${nodes[1].url}/jobs/${id}/stream`, { headers })).status).toBe(429);
    await harness.answer(id, ['whole'], name);
    expect((await stream.collect()).map(({ event }) => event)).toContain('done');
    await limit(name, { queuedJobs: 3 });
    expect((await post(nodes[1], { query: 'x' }, { ...json, ...headers })).status).toBe(202);
  });

  it('bound what is stored, and say so', async () => {
    const { name, headers } = await newTenant();
    await limit(name, { storedBytes: 1_000 });
    const answer = await post(nodes[1], { query: 'x'.repeat(2_000) }, { ...json, ...headers });
    expect(await answer.json()).toMatchObject({ status: 429, code: 'QUOTA_EXCEEDED' });
    expect(answer.headers.get('ratelimit-policy')).toBe('"storedBytes";q=1000;qu="content-bytes"');
    await limit(name, { storedBytes: null });
    expect((await post(nodes[1], { query: 'x'.repeat(2_000) }, { ...json, ...headers })).status).toBe(202);
  });

  it('bound the tokens of a day of answers that run, too, without another job', async () => {
    const { name, headers } = await newTenant();
    const id = await submit(nodes[0], headers);
    const ledger = new UsageLedger(harness.redis, harness.keys);
    const ref = jobRef(name, id);
    expect(await ledger.reserve(ref, 1_000_000)).toBe(true);
    await limit(name, { tokensPerDay: 100_000 });
    await eventually(async () => !(await ledger.reserve(ref, 1_000_000)));
    await limit(name, {});
    await eventually(() => ledger.reserve(ref, 1_000_000));
  });

  it('bound the tokens of a day, also where the settings set no bound', async () => {
    const { name, headers } = await newTenant();
    await limit(name, { tokensPerDay: 100 });
    const answer = await post(nodes[1], { query: 'x' }, { ...json, ...headers });
    expect(await answer.json()).toMatchObject({ status: 429, code: 'QUOTA_EXCEEDED' });
    expect(answer.headers.get('ratelimit-policy')).toBe('"tokensPerDay";q=100;qu="tokens";w=86400');
  });
});

describe('the requests of a tenant within a minute (PROTOCOL §11)', () => {
  it('are bounded over all nodes: of 200 at once, as many pass as are allowed', async () => {
    const [{ name, headers }, other] = [await newTenant(), await newTenant()];
    await limit(name, { requestsPerMinute: 30 });
    const sent = Array.from({ length: 200 }, (_, n) => post(nodeOf(n), { query: 'x' }, { ...json, ...headers }));
    const others = Array.from({ length: 40 }, (_, n) => post(nodeOf(n), { query: 'x' }, { ...json, ...other.headers }));
    expect(await statusesOf(sent)).toEqual({ 202: 30, 429: 170 });
    expect(await statusesOf(others)).toEqual({ 202: 40 });
    const refused = await post(nodes[1], { query: 'x' }, { ...json, ...headers });
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(60);
    expect(refused.headers.get('ratelimit')).toBe(`"requestsPerMinute";r=0;t=${seconds}`);
    expect(refused.headers.get('ratelimit-policy')).toBe('"requestsPerMinute";q=30;qu="requests";w=60');
    expect((await get(name)).use['requestsPerMinute']).toBe(30);
  });

  it('are told how many are left', async () => {
    const { name, headers } = await newTenant();
    await limit(name, { requestsPerMinute: 5 });
    const looked = await fetch(`${nodes[0].url}/jobs`, { headers });
    expect(looked.headers.get('ratelimit')).toMatch(/^"requestsPerMinute";r=4;t=\d+$/);
    await using stream = await readSse(`${nodes[1].url}/jobs`, { body: { query: 'x' }, headers });
    expect(stream.response.headers.get('ratelimit')).toMatch(/^"requestsPerMinute";r=3;t=\d+$/);
    expect(stream.response.headers.get('ratelimit-policy')).toBe('"requestsPerMinute";q=5;qu="requests";w=60');
  });

  it('count no watching and no cancel, and a higher limit goes on with the count', async () => {
    const { name, headers } = await newTenant();
    await limit(name, { requestsPerMinute: 1 });
    const id = await submit(nodes[0], headers);
    expect((await fetch(`${nodes[1].url}/jobs/${id}`, { headers })).status).toBe(429);
    await using stream = await readSse(`${nodes[1].url}/jobs/${id}/stream`, { headers });
    await stream.take(1);
    // the refused one counts, since it was asked for
    await limit(name, { requestsPerMinute: 3 });
    expect((await fetch(`${nodes[1].url}/jobs/${id}`, { headers })).status).toBe(200);
    expect((await fetch(`${nodes[0].url}/jobs/${id}`, { headers })).status).toBe(429);
    expect((await fetch(`${nodes[1].url}/jobs/${id}`, { method: 'DELETE', headers })).status).toBe(200);
    await limit(name, { requestsPerMinute: null });
    expect((await fetch(`${nodes[1].url}/jobs/${id}`, { headers })).status).toBe(200);
  });

  it.each([
    ['/jobs', 'application/problem+json'],
    ['/v1/chat/completions', 'application/json'],
    ['/v1/responses', 'application/json'],
    ['/v1/messages', 'application/json'],
    ['/api/chat', 'text/plain'],
    ['/ag-ui', 'application/problem+json'],
    ['/langgraph/runs/stream', 'application/json'],
  ])(
    'are refused in the form of each protocol, with the same headers, which pages may read: %s',
    async (path, type) => {
      const { name, headers } = await newTenant();
      await limit(name, { requestsPerMinute: 1 });
      await submit(nodes[0], headers);
      const answer = await fetch(`${nodes[1].url}${path}`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json', origin: 'http://page.example' },
        body: '{}',
      });
      expect(answer.status).toBe(429);
      expect(answer.headers.get('content-type')).toContain(type);
      const retryAfter = answer.headers.get('retry-after');
      expect(answer.headers.get('ratelimit')).toBe(`"requestsPerMinute";r=0;t=${retryAfter}`);
      expect(answer.headers.get('ratelimit-policy')).toBe('"requestsPerMinute";q=1;qu="requests";w=60');
      expect(answer.headers.get('access-control-expose-headers')).toMatch(/RateLimit,.*RateLimit-Policy/);
    },
  );
});

describe('while Redis is away', () => {
  it.each(['kill', 'pause'] as const)(
    'each node bounds the requests on its own: the limit is not what fails, and it still holds (%s)',
    async (outage) => {
      await using server = await startRedis();
      await using own = new ApiHarness(server.url, { MILLRACE_MAX_REQUESTS_PER_MINUTE_PER_TENANT: '3' });
      const node = await own.node();
      await submit(node);
      await server[outage]();
      const statuses: number[] = [];
      for (let n = 0; n < 4; n++) statuses.push((await post(node, { query: 'x' }, json)).status);
      expect(statuses).toEqual([503, 503, 503, 429]);
      const said = node.log.filter(({ msg }) => msg === 'requests are counted by this node alone');
      expect(said).toHaveLength(1);
      expect(await (await fetch(`${node.url}/metrics`)).text()).toMatch(
        /^millrace_requests_counted_locally_total(?:{.*})? 4$/m,
      );
      await (outage === 'kill' ? server.start() : server.resume());
      await eventually(async () => (await fetch(`${node.url}/readyz`)).status === 200, { timeoutMs: 20_000 });
    },
    240_000,
  );
});
