import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jobRef } from '@millrace/contracts';
import { eventually, readSse, startRedis, type TestRedis } from '@millrace/testing';
import { Readiness } from '../health/readiness.ts';
import { ApiHarness, finish, post, refOf, say, submit, type TestNode } from '../testing/api-harness.ts';
import type { JobInspection } from './inspect-job.ts';

const ADMIN = { 'x-api-key': 'the-secret-of-the-admin' };
const ACME = { 'x-api-key': 'the-secret-of-acme' };
const MANAGER = { 'x-api-key': 'the-secret-of-a-manager' };
const ENV = {
  MILLRACE_AUTH: 'apikey',
  MILLRACE_API_KEYS:
    'root:admin:the-secret-of-the-admin,acme:user:the-secret-of-acme,acme:manager:the-secret-of-a-manager,globex:user:the-secret-of-globex',
  MILLRACE_TRACE_URL: 'https://traces.example/{traceId}',
};
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PROMPT = 'the-prompt-that-nobody-may-see';
const WORDS = 'the-words-that-nobody-may-see';

let redis: TestRedis;
let harness: ApiHarness;
let node: TestNode;
let other: TestNode;
beforeAll(async () => {
  redis = await startRedis();
  harness = new ApiHarness(redis.url, ENV);
  [node, other] = [await harness.node(), await harness.node()];
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
  await redis.stop();
});

async function get<T>(path: string, headers = ADMIN): Promise<T> {
  return (await (await fetch(`${node.url}${path}`, { headers })).json()) as T;
}

describe('a job in the console', () => {
  it('shows its attempts, resets, tools, sizes and end, and none of its content', async () => {
    const headers = { ...ACME, traceparent: `00-${TRACE}-b7ad6b7169203331-01` };
    const id = await submit(node, headers, { query: PROMPT, metadata: { note: WORDS } });
    const first = await harness.begin(id, 'acme');
    await say(first, [WORDS, WORDS]);
    const second = await harness.begin(id, 'acme');
    second.emit({ type: 'tool_call', data: { callId: 'c1', name: 'look', arguments: `{"at":"${WORDS}"}` } });
    second.emit({ type: 'tool_result', data: { callId: 'c1', name: 'look', content: WORDS, isError: false } });
    await say(second, [WORDS]);
    await finish(second);

    const seen = await get<JobInspection>(`/console/jobs/${id}?tenant=acme`);
    expect(JSON.stringify(seen)).not.toMatch(/nobody-may-see/);
    expect(seen.timeline.map(({ type, count, facts }) => [type, count, facts['attempt'] ?? null])).toEqual([
      ['accepted', 1, null],
      ['started', 1, 1],
      ['text', 2, null],
      ['reset', 1, 2],
      ['started', 1, 2],
      ['tool_call', 1, null],
      ['tool_result', 1, null],
      ['text', 1, null],
      ['done', 1, null],
    ]);
    expect(seen.timeline[3]).toMatchObject({ facts: { attempt: 2, reason: 'worker-lost' } });
    expect(seen.timeline[5]).toMatchObject({ facts: { callId: 'c1', name: 'look' } });
    expect(seen.job).toMatchObject({
      ...{ id, tenant: 'acme', status: 'completed', attempt: 2, losses: 1, usage: { inputTokens: 3, outputTokens: 5 } },
      ...{ lastEventId: seen.timeline.at(-1)?.to, bytes: { log: expect.any(Number), request: 0 } },
    });
    expect(seen).toMatchObject({ traceUrl: `https://traces.example/${TRACE}`, omitted: 0, logExpired: false });
  });

  it('shows that an event can no longer be read, and the others', async () => {
    const keys = `m1:${Buffer.alloc(32, 'k').toString('base64')}`;
    await using own = new ApiHarness(redis.url, { MILLRACE_ENCRYPTION_KEYS: keys, MILLRACE_ENCRYPTION: 'open' });
    const reading = await own.node();
    const id = await submit(reading);
    await own.answer(id, ['a', 'b']);
    const key = own.keys.log(refOf(id));
    const log = await own.redis.xrange(key, '-', '+');
    await own.redis.del(key);
    for (const [event, [type = '', data = '']] of log) {
      // in a key that was destroyed
      await own.redis.xadd(key, event, type, type === 'text' ? `~goneGone${'A'.repeat(60)}` : data);
    }
    const answer = await fetch(`${reading.url}/console/jobs/${id}`);
    expect(answer.status).toBe(200);
    const { timeline } = (await answer.json()) as JobInspection;
    expect(timeline.map(({ type }) => type)).toEqual(expect.arrayContaining(['accepted', 'text', 'done']));
    for (const { type, facts } of timeline) expect(facts['unreadable']).toBe(type === 'text' ? true : undefined);
  });

  it('says how many read it, and on which node', async () => {
    const id = await submit(node, ACME);
    const path = `/jobs/${id}/stream`;
    await using _here = await readSse(`${node.url}${path}`, { headers: ACME });
    await using _there = await readSse(`${other.url}${path}`, { headers: ACME });
    await using _again = await readSse(`${other.url}${path}`, { headers: ACME });
    const readers = async () => (await get<JobInspection>(`/console/jobs/${id}`)).readers.map((each) => each.readers);
    await eventually(async () => String((await readers()).sort()) === '1,2', { timeoutMs: 20_000 });
    const { readers: nodes } = await get<JobInspection>(`/console/jobs/${id}`);
    expect(new Set(nodes.map((each) => each.node)).size).toBe(2);
    expect(nodes[0]?.host).toEqual(expect.any(String));
  });

  it('is live, and ends when the job has', async () => {
    const id = await submit(node, ACME);
    const url = `${other.url}/console/jobs/${id}`;
    await using watcher = await readSse(url, { headers: { ...ADMIN, accept: 'text/event-stream' } });
    const newest = () => watcher.events.at(-1)?.data as unknown as JobInspection | undefined;
    await eventually(() => newest()?.job.status === 'queued');
    const writer = await harness.begin(id, 'acme');
    await say(writer, ['a']);
    await eventually(() => newest()?.timeline.at(-1)?.type === 'text', { timeoutMs: 20_000 });
    await finish(writer);
    expect(await watcher.ended).toBe('clean');
    expect(newest()).toMatchObject({ job: { status: 'completed' }, timeline: { length: 4 } });
  });

  it('names who cancelled it, alone or with many others', async () => {
    const [alone, withOthers] = [await submit(node, ACME), await submit(node, ACME)];
    await fetch(`${node.url}/jobs/${alone}`, { method: 'DELETE', headers: ADMIN });
    const by = { tenant: 'root', role: 'admin', subject: null, credential: null };
    await eventually(async () => (await get<JobInspection>(`/console/jobs/${alone}`)).audit.length === 1);
    const seen = await get<JobInspection>(`/console/jobs/${alone}`);
    expect(seen.audit).toMatchObject([{ action: 'job.cancel', by }]);
    expect(seen.timeline.at(-1)).toMatchObject({ type: 'cancelled', facts: { by: 'admin' } });

    await fetch(`${node.url}/jobs?status=queued&tenant=acme`, { method: 'DELETE', headers: ADMIN });
    await eventually(async () => (await get<JobInspection>(`/console/jobs/${withOthers}`)).audit.length === 1);
    const many = await get<JobInspection>(`/console/jobs/${withOthers}`);
    expect(many.audit).toMatchObject([{ action: 'jobs.cancel', by, details: { status: 'queued' } }]);
    // a manager learns that an admin did it, not who
    expect((await get<JobInspection>(`/console/jobs/${alone}`, MANAGER)).audit).toEqual([]);
  });

  it('gives its content for a reason alone, which is audited', async () => {
    const id = await submit(node, ACME);
    await harness.answer(id, [WORDS], 'acme');
    const reveal = (body: object, headers = ADMIN) =>
      fetch(`${node.url}/console/jobs/${id}/content`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const without = await reveal({});
    expect([without.status, JSON.stringify(await without.json())]).toEqual([400, expect.stringContaining('/reason')]);
    expect((await reveal({ reason: 'curious' }, ACME)).status).toBe(403);
    const revealed = await reveal({ reason: 'ticket 17' });
    expect(await revealed.json()).toMatchObject({
      items: expect.arrayContaining([{ id: '1-2', type: 'text', data: { text: WORDS } }]),
      nextCursor: null,
    });
    const lines = node.log.filter(({ action }) => action === 'job.reveal');
    expect(lines).toMatchObject([{ target: id, tenant: 'acme', details: { reason: 'ticket 17' } }]);
    expect(JSON.stringify(lines)).not.toContain(WORDS);
  });

  it('is that of a manager’s own tenant alone', async () => {
    const [own, foreign] = [await submit(node, ACME), await submit(node, { 'x-api-key': 'the-secret-of-globex' })];
    const status = async (id: string, headers: typeof ADMIN, query = '') =>
      (await fetch(`${node.url}/console/jobs/${id}${query}`, { headers })).status;
    expect(await status(own, MANAGER)).toBe(200);
    expect([await status(foreign, MANAGER), await status(foreign, MANAGER, '?tenant=globex')]).toEqual([404, 404]);
    expect([await status(own, ACME), await status(foreign, ADMIN)]).toEqual([403, 200]);
  });
});

describe('a job that is watched', () => {
  it('and has ended ends the answer, also when its log has expired', async () => {
    const id = await submit(node, ACME);
    await harness.answer(id, ['x'], 'acme');
    await harness.redis.del(harness.keys.log(jobRef('acme', id)));
    const answer = await fetch(`${node.url}/console/jobs/${id}?tenant=acme`, {
      headers: { ...ADMIN, accept: 'text/event-stream' },
      signal: AbortSignal.timeout(20_000),
    });
    expect(await answer.text()).toContain('"logExpired":true');
  });

  it('on a node that began to drain while the job was read ends at once', async () => {
    const leaving = await harness.node();
    const id = await submit(node, ACME);
    leaving.api.nest.get(Readiness).drain();
    const answer = await fetch(`${leaving.url}/console/jobs/${id}?tenant=acme`, {
      headers: { ...ADMIN, accept: 'text/event-stream' },
      signal: AbortSignal.timeout(20_000),
    });
    expect(await answer.text()).toContain(id);
  });
});

describe('finding jobs', () => {
  it('by id finds those of all tenants, for a manager the own', async () => {
    const id = crypto.randomUUID();
    for (const key of ['acme', 'globex']) {
      await post(
        node,
        { query: PROMPT },
        { 'x-api-key': `the-secret-of-${key}`, 'x-request-id': id, accept: 'application/json' },
      );
    }
    const found = await get<{ items: { tenant: string }[] }>(`/console/jobs?id=${id}`);
    expect(new Set(found.items.map(({ tenant }) => tenant))).toEqual(new Set(['acme', 'globex']));
    expect((await get<typeof found>(`/console/jobs?id=${id}`, MANAGER)).items).toMatchObject([{ tenant: 'acme' }]);
    expect(JSON.stringify(found)).not.toMatch(/nobody-may-see/);
    expect((await fetch(`${node.url}/console/jobs/${id}`, { headers: ADMIN })).status).toBe(409);
  });

  it('by what they are finds the latest first, page by page', async () => {
    const ids = [await submit(node, ACME), await submit(node, ACME), await submit(node, ACME)];
    const path = '/console/jobs?tenant=acme&status=queued&pipeline=chat&limit=2';
    const page = await get<{ items: { id: string }[]; nextCursor: string }>(path);
    expect(page.items.map(({ id }) => id)).toEqual([ids[2], ids[1]]);
    const next = await get<typeof page>(`${path}&cursor=${page.nextCursor}`);
    expect(next.items[0]?.id).toBe(ids[0]);
    expect((await get<typeof page>('/console/jobs?pipeline=none')).items).toEqual([]);
    expect((await fetch(`${node.url}/console/jobs?tenant=globex`, { headers: MANAGER })).status).toBe(403);
  });
});

describe('the tenants', () => {
  it('are listed with limits, use on all nodes, and what they have used today', async () => {
    await fetch(`${node.url}/tenants/globex/limits`, {
      method: 'PUT',
      headers: { ...ADMIN, 'content-type': 'application/json' },
      body: JSON.stringify({ queuedJobs: 7 }),
    });
    const id = await submit(node, { 'x-api-key': 'the-secret-of-globex' });
    await using _there = await readSse(`${other.url}/jobs/${id}/stream`, {
      headers: { 'x-api-key': 'the-secret-of-globex' },
    });
    interface Page {
      items: { tenant: string; use: { streams: number }; limits: { queuedJobs: number }; overrides: string[] }[];
      nextCursor: string | null;
    }
    const globex = async () => (await get<Page>('/console/tenants')).items.find(({ tenant }) => tenant === 'globex');
    await eventually(async () => (await globex())?.use.streams === 1, { timeoutMs: 20_000 });
    expect(await globex()).toMatchObject({ limits: { queuedJobs: 7 }, overrides: ['queuedJobs'], keys: 0 });
    const pages: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: Page = await get<Page>(`/console/tenants?limit=1&cursor=${cursor}`);
      pages.push(...page.items.map(({ tenant }) => tenant));
      cursor = page.nextCursor;
    }
    expect(pages).toEqual(['acme', 'globex', 'root']);
    await fetch(`${node.url}/tenants/acme/limits`, {
      method: 'PUT',
      headers: { ...ADMIN, 'content-type': 'application/json' },
      body: JSON.stringify({ requestsPerMinute: 1_000 }),
    });
    // who may ask as often as wanted has others wait: this reads more than one key
    const counted = await fetch(`${node.url}/console/tenants`, { headers: MANAGER });
    expect(counted.headers.get('ratelimit')).toMatch(/^"requestsPerMinute"/);
    expect((await get<Page>('/console/tenants', MANAGER)).items.map(({ tenant }) => tenant)).toEqual(['acme']);
  });
});
