import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jobRef } from '@millrace/contracts';
import { eventually, readSse } from '@millrace/testing';
import { ApiHarness, post, submit, type TestNode } from '../testing/api-harness.ts';

const keyOf = (tenant: string) => ({ authorization: `Bearer secret-of-the-tenant-${tenant}` });
const OTHER = keyOf('other');

let harness: ApiHarness;
let node: TestNode;

beforeAll(async () => {
  harness = await ApiHarness.start({
    MILLRACE_AUTH: 'apikey',
    // a tenant for each test: a stream that one has closed may count for a moment more
    MILLRACE_API_KEYS: ['bound:user', 'post:user', 'wait:user', 'other:user', 'refused:user', 'ops:admin']
      .map((key) => `${key}:secret-of-the-tenant-${key.split(':')[0]}`)
      .join(','),
    MILLRACE_MAX_STREAMS_PER_TENANT: '2',
  });
  node = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const streamOf = (id: string) => `${node.url}/jobs/${id}/stream`;

async function expectRefusal(answer: Response): Promise<void> {
  expect(answer.status).toBe(429);
  expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
  const problem = await answer.json();
  expect(problem).toMatchObject({ code: 'RATE_LIMITED' });
  expect((problem as { detail: string }).detail).toContain('streams');
  expect(answer.headers.get('ratelimit')).toBe('"streams";r=0');
  expect(answer.headers.get('ratelimit-policy')).toBe('"streams";q=2;qu="concurrent-requests"');
}

describe('the streams of a tenant (PROTOCOL §7)', () => {
  it('are bounded on each node, without effect on other tenants, until one ends', async () => {
    const own = keyOf('bound');
    const id = await submit(node, own);
    const first = await readSse(streamOf(id), { headers: own });
    await using _second = await readSse(`${node.url}/jobs`, { body: { query: 'x' }, headers: own });
    await expectRefusal(await fetch(streamOf(id), { headers: own }));

    const others = await submit(node, OTHER);
    await using theirs = await readSse(streamOf(others), { headers: OTHER });
    await theirs.take(1);
    // who only looks holds nothing
    expect((await fetch(`${node.url}/jobs/${id}`, { headers: own })).status).toBe(200);

    await first.close();
    await eventually(async () => {
      const answer = await fetch(streamOf(id), { headers: { ...own, accept: 'text/plain' } });
      await answer.body?.cancel();
      return answer.status === 200;
    });
  });

  it('are refused to a POST before anything is stored', async () => {
    const own = keyOf('post');
    const id = await submit(node, own);
    await using _first = await readSse(streamOf(id), { headers: own });
    await using _second = await readSse(streamOf(id), { headers: own });
    const keys = async () => (await harness.redis.keys(`${harness.prefix}*`)).sort();
    const before = await keys();
    for (const accept of ['text/event-stream', 'text/plain']) {
      await expectRefusal(await post(node, { query: 'x' }, { ...own, accept, 'idempotency-key': accept }));
    }
    const waiting = { accept: 'application/json', prefer: 'wait=30', 'idempotency-key': 'waiting' };
    await expectRefusal(await post(node, { query: 'x' }, { ...own, ...waiting }));
    expect(await keys()).toEqual(before);
    expect((await post(node, { query: 'x' }, { ...own, accept: 'application/json' })).status).toBe(202);
  });

  it('include requests that wait for a finished job, until the answer', async () => {
    const own = keyOf('wait');
    const ids = ['waits-for-its-end-1', 'waits-for-its-end-2'];
    const waits = ids.map((id) =>
      post(node, { query: id }, { ...own, accept: 'application/json', prefer: 'wait=60', 'x-request-id': id }),
    );
    for (const id of ids) await eventually(async () => (await harness.reader.outline(jobRef('wait', id))) !== null);
    await expectRefusal(await fetch(streamOf(ids[0] ?? ''), { headers: own }));
    for (const id of ids) await harness.answer(id, ['x'], 'wait');
    expect((await Promise.all(waits)).map(({ status }) => status)).toEqual([200, 200]);
    await eventually(async () => {
      const answer = await fetch(streamOf(ids[0] ?? ''), { headers: own });
      await answer.body?.cancel();
      return answer.status === 200;
    });
  });

  it('belong to the caller: an admin who watches does not use the owner’s quota', async () => {
    const admin = keyOf('ops');
    const id = await submit(node, OTHER);
    await using _first = await readSse(streamOf(id), { headers: admin });
    await using _second = await readSse(streamOf(id), { headers: admin });
    await expectRefusal(await fetch(streamOf(id), { headers: admin }));
    await using owners = await readSse(streamOf(id), { headers: OTHER });
    await owners.take(1);
  });

  it('do not include requests that were refused for another reason', async () => {
    for (let time = 0; time < 5; time += 1) {
      const unknown = await fetch(streamOf('an-id-that-nobody-has'), { headers: keyOf('refused') });
      expect(unknown.status).toBe(404);
      await unknown.text();
      const refused = await post(node, { query: 'x', pipeline: 'none' }, keyOf('refused'));
      expect(refused.status).toBe(422);
      await refused.text();
    }
  });
});
