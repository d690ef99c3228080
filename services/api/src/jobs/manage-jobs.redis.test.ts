import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobView } from '@millrace/contracts';
import { readSse } from '@millrace/testing';
import { ApiHarness, finish, say, submit, type TestNode } from '../testing/api-harness.ts';

let harness: ApiHarness;
let node: TestNode;

const secretOf = (name: string) => `the-secret-of-${name}`;
const KEYS = [`alice:user:${secretOf('alice')}`, `bob:user:${secretOf('bob')}`, `ops:admin:${secretOf('ops')}`].join();
const as = (name: string) => ({ authorization: `Bearer ${secretOf(name)}` });

beforeAll(async () => {
  harness = await ApiHarness.start({ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: KEYS });
  node = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

async function call(method: string, path: string, who?: string): Promise<{ status: number; body: never }> {
  const answer = await fetch(`${node.url}${path}`, { method, ...(who === undefined ? {} : { headers: as(who) }) });
  return { status: answer.status, body: (await answer.json()) as never };
}

describe('getting jobs (PROTOCOL §5)', () => {
  it('shows a job with its text so far, then whole', async () => {
    const id = await submit(node, as('alice'));
    const writer = await harness.begin(id, 'alice');
    await say(writer, ['so ', 'far']);
    const active = await call('GET', `/jobs/${id}`, 'alice');
    expect(active.body).toMatchObject({ id, status: 'active', attempt: 1, text: 'so far', finishedAt: null });
    await finish(writer);
    const whole = (await call('GET', `/jobs/${id}`, 'alice')).body as JobView;
    expect(whole).toMatchObject({ status: 'completed', usage: { inputTokens: 3, outputTokens: 5 }, error: null });
    expect(whole).not.toHaveProperty('queuePosition');
    for (const time of [whole.createdAt, whole.startedAt, whole.firstTokenAt, whole.finishedAt]) {
      expect(new Date(time ?? '').toISOString()).toBe(time);
    }
  });

  it('lists the newest first, page by page, without text', async () => {
    const ids: string[] = [];
    for (let count = 0; count < 5; count += 1) ids.push(await submit(node, as('bob')));
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query: string = `limit=2&status=queued${cursor && `&cursor=${cursor}`}`;
      const { body } = await call('GET', `/jobs?${query}`, 'bob');
      const page: { items: JobView[]; nextCursor: string | null } = body;
      for (const item of page.items) expect(item).not.toHaveProperty('text');
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(ids.toReversed());
  });

  it.each(['limit=0', 'limit=101', 'status=odd'])('refuses ?%s', async (query) => {
    expect(await call('GET', `/jobs?${query}`, 'bob')).toMatchObject({
      status: 400,
      body: { code: 'INVALID_REQUEST' },
    });
  });

  it('refuses a cursor that it did not issue', async () => {
    expect(await call('GET', '/jobs?cursor=abc', 'bob')).toMatchObject({
      status: 400,
      body: { code: 'INVALID_CURSOR' },
    });
  });
});

describe('cancelling (PROTOCOL §6)', () => {
  it('ends a queued job, twice, and removes it from the queue', async () => {
    const id = await submit(node, as('alice'));
    const entry = `${harness.keys.queuePrefix}:jobs:alice.${id}`;
    expect(await harness.redis.exists(entry)).toBe(1);
    const first = await call('DELETE', `/jobs/${id}`, 'alice');
    expect(first).toMatchObject({ status: 200, body: { id, status: 'cancelled' } });
    expect(await call('DELETE', `/jobs/${id}`, 'alice')).toEqual(first);
    expect(await harness.redis.exists(entry)).toBe(0);
  });

  it('ends a running job for all watchers, and nothing follows', async () => {
    const id = await submit(node, as('alice'));
    const writer = await harness.begin(id, 'alice');
    await using stream = await readSse(`${node.url}/jobs/${id}/stream`, { headers: as('alice') });
    await say(writer, ['a']);
    await stream.until(({ event }) => event === 'message');
    expect((await call('DELETE', `/jobs/${id}`, 'ops')).status).toBe(200);
    writer.emit({ type: 'text', data: { text: 'late' } });
    await writer.flush().catch(() => undefined); // the cancel fences it
    expect((await stream.collect()).at(-1)).toMatchObject({ event: 'cancelled', data: { by: 'admin' } });
    expect(stream.text()).toBe('a');
  });

  it('answers 409 for a job that has finished', async () => {
    const id = await submit(node, as('alice'));
    await harness.answer(id, ['a'], 'alice');
    expect(await call('DELETE', `/jobs/${id}`, 'alice')).toMatchObject({ status: 409, body: { code: 'JOB_FINISHED' } });
  });

  it('ends all queued jobs for an admin, and for nobody else', async () => {
    const id = await submit(node, as('bob'));
    expect((await call('DELETE', '/jobs?status=queued', 'bob')).status).toBe(403);
    const { status, body } = await call('DELETE', '/jobs?status=queued', 'ops');
    expect(status).toBe(200);
    expect((body as { cancelled: number }).cancelled).toBeGreaterThanOrEqual(1);
    expect((await call('GET', `/jobs/${id}`, 'bob')).body).toMatchObject({ status: 'cancelled' });
    expect((await call('DELETE', '/jobs', 'ops')).status).toBe(400);
  });
});

describe('tenants', () => {
  it('never meet: another tenant’s job looks like an unknown one', async () => {
    const id = await submit(node, as('alice'));
    for (const [method, path] of [
      ['GET', `/jobs/${id}`],
      ['GET', `/jobs/${id}/stream`],
      ['DELETE', `/jobs/${id}`],
    ] as const) {
      const theirs = await call(method, path, 'bob');
      const nobodys = await call(method, path.replace(id, 'nobody-has-this-id'), 'bob');
      expect({ ...(theirs.body as object), requestId: '' }).toEqual({ ...(nobodys.body as object), requestId: '' });
      expect(theirs.status).toBe(404);
    }
    const { items } = (await call('GET', '/jobs', 'bob')).body as { items: JobView[] };
    expect(items.map((item) => item.id)).not.toContain(id);
  });

  it('cannot block each other’s ids, nor learn of each other’s keys', async () => {
    const id = await submit(node, { ...as('alice'), 'idempotency-key': 'shared' });
    expect(await submit(node, { ...as('bob'), 'idempotency-key': 'shared' })).not.toBe(id);
    // the same id is another job, whatever its body: nobody learns that it is taken
    expect(await submit(node, { ...as('bob'), 'x-request-id': id }, { query: 'another question' })).toBe(id);
    await harness.answer(id, ['for alice'], 'alice');
    await harness.answer(id, ['for bob'], 'bob');
    const text = async (who: string) => ((await call('GET', `/jobs/${id}`, who)).body as JobView).text;
    expect([await text('alice'), await text('bob')]).toEqual(['for alice', 'for bob']);
    expect((await call('DELETE', `/jobs/${id}`, 'bob')).status).toBe(409);
  });

  it('are told apart by an admin who names one, if both have a job with the id', async () => {
    const id = await submit(node, as('alice'));
    expect((await call('GET', `/jobs/${id}`, 'ops')).status).toBe(200);
    await submit(node, { ...as('bob'), 'x-request-id': id });
    for (const [method, path] of [
      ['GET', `/jobs/${id}`],
      ['GET', `/jobs/${id}/stream`],
      ['DELETE', `/jobs/${id}`],
    ] as const) {
      expect(await call(method, path, 'ops')).toMatchObject({ status: 409, body: { code: 'AMBIGUOUS_ID' } });
    }
    expect((await call('DELETE', `/jobs/${id}?tenant=bob`, 'ops')).body).toMatchObject({ id, status: 'cancelled' });
    expect((await call('GET', `/jobs/${id}?tenant=alice`, 'ops')).body).toMatchObject({ id, status: 'queued' });
    // nobody else may ask for another tenant's, and is told nothing of it
    expect(await call('GET', `/jobs/${id}?tenant=alice`, 'bob')).toMatchObject({ status: 404 });
    expect((await call('GET', `/jobs/${id}?tenant=bob`, 'bob')).body).toMatchObject({ id, status: 'cancelled' });
  });

  it('are all seen by an admin, one by one if need be', async () => {
    const id = await submit(node, as('alice'));
    const all = (await call('GET', '/jobs?tenant=alice', 'ops')).body as { items: JobView[] };
    expect(all.items.map((item) => item.id)).toContain(id);
    expect((await call('GET', '/jobs?tenant=alice', 'bob')).status).toBe(403);
    expect((await call('GET', `/jobs/${id}`, 'ops')).status).toBe(200);
  });

  it('need a key, except for operations', async () => {
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: 'Basic abc' }]) {
      const answer = await fetch(`${node.url}/jobs`, { headers });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="millrace"');
      expect(await answer.json()).toMatchObject({ code: 'UNAUTHENTICATED' });
    }
    for (const path of ['/healthz', '/readyz', '/metrics', '/openapi.json', '/docs']) {
      expect([path, (await fetch(`${node.url}${path}`)).status]).toEqual([path, 200]);
    }
  });

  it('need it before their body is read', async () => {
    for (const body of ['{bad', JSON.stringify({ query: 'x'.repeat(2_000_000) })]) {
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(`${node.url}/jobs`, { method: 'POST', headers, body });
      expect([answer.status, await answer.json()]).toMatchObject([401, { code: 'UNAUTHENTICATED' }]);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="millrace"');
    }
  });

  it('never find a secret in the log', () => {
    expect(JSON.stringify(node.log)).not.toMatch(/the-secret/);
  });
});
