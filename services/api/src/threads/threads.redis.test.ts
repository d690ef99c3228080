import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type JobView, QUEUE_NAME, type ThreadView, threadRef } from '@millrace/contracts';
import { eventually, readSse } from '@millrace/testing';
import { ThreadKeys } from '@millrace/threads';
import { Worker } from 'bullmq';
import { ApiHarness, finish, post, refOf, say, submit, type TestNode } from '../testing/api-harness.ts';
import { Turns } from '../testing/turns.ts';

const SECRETS = { a: 'the-secret-of-tenant-a', b: 'the-secret-of-tenant-b', admin: 'the-secret-of-the-admin' };

let harness: ApiHarness;
let node: TestNode;

beforeAll(async () => {
  harness = await ApiHarness.start({ MILLRACE_SWEEP_MS: '600000' });
  node = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

interface Problem {
  readonly code: string;
  readonly errors?: readonly { readonly pointer: string }[];
}
interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

const newId = () => `thread-${crypto.randomUUID()}`;

function call(method: string, path: string, body?: unknown, key?: string, at = node): Promise<Response> {
  const headers: Record<string, string> = key === undefined ? {} : { 'x-api-key': key };
  if (body !== undefined) headers['content-type'] = 'application/json';
  return fetch(`${at.url}${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
}

async function json<T>(answer: Promise<Response>): Promise<T> {
  return (await (await answer).json()) as T;
}

async function refusal(answer: Promise<Response>): Promise<[status: number, code: string]> {
  const { status } = await answer;
  return [status, (await json<Problem>(answer.then((response) => response.clone()))).code];
}

describe('POST /threads (PROTOCOL §10)', () => {
  it('makes a thread, and finds it again with the metadata merged', async () => {
    const id = newId();
    const made = await call('POST', '/threads', { id, metadata: { a: '1', b: '2' } });
    expect(made.status).toBe(201);
    expect(made.headers.get('location')).toBe(`/threads/${id}`);
    const thread = (await made.json()) as ThreadView;
    expect(thread).toEqual({
      ...{ id, status: 'idle', createdAt: thread.createdAt, updatedAt: thread.updatedAt },
      ...{ metadata: { a: '1', b: '2' }, activeJob: null, lastJob: null, interrupts: [] },
    });
    const again = await call('POST', '/threads', { id, metadata: { b: '3' } });
    expect(again.status).toBe(200);
    expect(await again.json()).toMatchObject({ createdAt: thread.createdAt, metadata: { a: '1', b: '3' } });
    expect((await call('POST', '/threads', { id })).status).toBe(200);
    expect(await json(call('GET', `/threads/${id}`))).toMatchObject({ metadata: { a: '1', b: '3' } });
  });

  it('chooses an id, also without a body', async () => {
    const threads = await Promise.all([call('POST', '/threads', {}), call('POST', '/threads')]);
    expect(threads.map(({ status }) => status)).toEqual([201, 201]);
    const [one, other] = (await Promise.all(threads.map((answer) => answer.json()))) as ThreadView[];
    expect(one?.id).toMatch(/^[A-Za-z0-9_-]{24}$/);
    expect(one?.id).not.toBe(other?.id);
  });

  it('makes one thread of two requests at once', async () => {
    for (let round = 0; round < 20; round += 1) {
      const id = newId();
      const statuses = await Promise.all([1, 2].map(async () => (await call('POST', '/threads', { id })).status));
      expect(new Set(statuses)).toEqual(new Set([200, 201]));
    }
  });

  it.each<[object, string]>([
    [{ id: 'a.b' }, '/id'],
    [{ id: '' }, '/id'],
    [{ id: 'x'.repeat(65) }, '/id'],
    [{ metadata: { a: 1 } }, '/metadata/a'],
    [{ metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [i, ''])) }, '/metadata'],
    [{ nope: 1 }, '/nope'],
    [null as unknown as object, ''],
    [[], ''],
  ])('refuses %j', async (body, pointer) => {
    const answer = await call('POST', '/threads', body);
    expect(answer.status).toBe(400);
    expect(((await answer.json()) as Problem).errors?.map((error) => error.pointer)).toEqual([pointer]);
  });

  it('refuses metadata that would have too many entries once it is merged', async () => {
    const id = newId();
    const entries = (from: number) => Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`k${from + i}`, '']));
    await call('POST', '/threads', { id, metadata: entries(0) });
    const answer = await call('POST', '/threads', { id, metadata: entries(10) });
    expect([answer.status, ((await answer.json()) as Problem).errors?.[0]?.pointer]).toEqual([400, '/metadata']);
  });
});

describe('GET /threads', () => {
  it('lists threads, newest first, page by page', async () => {
    await using own = await ApiHarness.start();
    const at = await own.node();
    const ids = ['t1', 't2', 't3', 't4', 't5'];
    for (const id of ids) await call('POST', '/threads', { id }, undefined, at);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? '' : `&cursor=${cursor}`;
      const page: Page<ThreadView> = await json(call('GET', `/threads?limit=2${query}`, undefined, undefined, at));
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual(ids.toReversed());
  });

  it('searches titles, page by page', async () => {
    await using own = await ApiHarness.start();
    const at = await own.node();
    for (const [nth, title] of ['A Trip', 'Tax', 'my trip home', 'trips', undefined].entries()) {
      const metadata = title === undefined ? { note: 'trip' } : { title };
      await call('POST', '/threads', { id: `t${nth}`, metadata }, undefined, at);
    }
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? '' : `&cursor=${cursor}`;
      const path = `/threads?search=TRIP&limit=2${query}`;
      const page: Page<ThreadView> = await json(call('GET', path, undefined, undefined, at));
      expect(page.items.length).toBeLessThanOrEqual(2);
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual(['t3', 't2', 't0']);
    expect(await json(call('GET', '/threads?search=none', undefined, undefined, at))).toMatchObject({ items: [] });
  });

  it.each(['limit=0', 'limit=101', 'limit=x', 'search='])('refuses %s', async (query) => {
    expect(await refusal(call('GET', `/threads?${query}`))).toEqual([400, 'INVALID_REQUEST']);
  });

  it('knows of every end that its reader may know of, and has the others as they are', async () => {
    await using own = await ApiHarness.start({ MILLRACE_SWEEP_MS: '600000' });
    const at = await own.node();
    const [ended, runs, asks] = [new Turns(own, at), new Turns(own, at), new Turns(own, at)];
    const [first, next] = [await ended.submit(), await ended.submit()];
    await finish(await ended.begin(first));
    const other = await runs.submit();
    await runs.begin(other);
    await finish(await asks.begin(await asks.submit()));
    const { items } = await json<Page<ThreadView>>(call('GET', '/threads', undefined, undefined, at));
    expect(items.map(({ id, status, activeJob }) => [id, status, activeJob])).toEqual([
      [asks.threadId, 'idle', null],
      [runs.threadId, 'busy', other],
      [ended.threadId, 'busy', next],
    ]);
    expect(await ended.isQueued(next)).toBe(true);
  });

  it('refuses a cursor that it never issued', async () => {
    expect(await refusal(call('GET', '/threads?cursor=nope!'))).toEqual([400, 'INVALID_CURSOR']);
    const id = newId();
    await call('POST', '/threads', { id });
    for (const list of ['messages', 'history']) {
      expect(await refusal(call('GET', `/threads/${id}/${list}?cursor=%00`))).toEqual([400, 'INVALID_CURSOR']);
    }
  });
});

describe('an unknown thread', () => {
  it.each(['', '/messages', '/state', '/history'])('has nothing at GET /threads/:id%s, nor for HEAD', async (path) => {
    for (const id of [newId(), 'a.b', 'x'.repeat(70), '%00']) {
      expect(await refusal(call('GET', `/threads/${id}${path}`))).toEqual([404, 'THREAD_NOT_FOUND']);
      expect((await call('HEAD', `/threads/${id}${path}`)).status).toBe(404);
    }
  });

  it('cannot be forked or deleted', async () => {
    expect(await refusal(call('POST', `/threads/${newId()}/fork`, {}))).toEqual([404, 'THREAD_NOT_FOUND']);
    expect(await refusal(call('DELETE', `/threads/${newId()}`))).toEqual([404, 'THREAD_NOT_FOUND']);
  });
});

describe('methods of threads', () => {
  it.each([
    ['/threads', 'GET, HEAD, POST'],
    ['/threads/t1', 'DELETE, GET, HEAD'],
    ['/threads/t1/messages', 'GET, HEAD'],
    ['/threads/t1/state', 'GET, HEAD'],
    ['/threads/t1/history', 'GET, HEAD'],
    ['/threads/t1/fork', 'POST'],
    ['/pipelines', 'GET, HEAD'],
  ])('are named in the 405 of %s', async (path, allow) => {
    const answer = await call('PUT', path, {});
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow]);
  });

  it('answer HEAD like GET', async () => {
    const of = new Turns(harness, node);
    await of.submit();
    for (const path of [
      '/threads',
      ...['', '/messages', '/state', '/history'].map((end) => `/threads/${of.threadId}${end}`),
    ]) {
      const [head, get] = await Promise.all([call('HEAD', path), call('GET', path)]);
      expect([path, head.status]).toEqual([path, 200]);
      expect(head.headers.get('content-type')).toBe(get.headers.get('content-type'));
      expect(await head.text()).toBe('');
    }
  });
});

describe('the messages of a thread of chat', () => {
  it('are questions and answers in order, page by page, also in its state; it has no history', async () => {
    const of = new Turns(harness, node);
    const first = await of.submit();
    await of.end(first, await of.begin(first, ['a', 'b']));
    const whole = await of.get<Page<{ content: string; jobId: string; messageId: string; role: string }>>('/messages');
    expect(whole.items.map(({ role, content, jobId }) => [role, content, jobId])).toEqual(
      // the worker stores the question, which the test does not play
      [['assistant', 'ab', first]],
    );
    const second = await of.submit();
    const writer = await of.begin(second, ['half']);
    await call('DELETE', `/jobs/${second}`);
    await finish(writer).catch(() => undefined);
    const pages: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Page<{ content: string }> = await of.get(
        `/messages?limit=1${cursor === null ? '' : `&cursor=${cursor}`}`,
      );
      pages.push(...page.items.map(({ content }) => content));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(pages).toEqual(['ab', 'half']);
    const { values } = await of.get<{ values: { messages: { content: string }[] } }>('/state');
    expect(values.messages.map(({ content }) => content)).toEqual(['ab', 'half']);
    expect(await of.get('/history')).toEqual({ items: [], nextCursor: null });
    expect(await of.get('/state?checkpointId=none')).toMatchObject({ code: 'THREAD_NOT_FOUND' });
  });

  it.each(['/messages', '/state', '/fork'])(
    '%s: has the answer whose end the client has seen, though not the thread',
    async (path) => {
      const of = new Turns(harness, node);
      const id = await of.submit();
      await finish(await of.begin(id, ['heard']));
      const fork = newId();
      if (path === '/fork') await call('POST', `/threads/${of.threadId}/fork`, { id: fork });
      const read = path === '/fork' ? `/threads/${fork}/messages` : `/threads/${of.threadId}${path}`;
      expect(await (await call('GET', read)).text()).toContain('heard');
    },
  );

  it('know nothing of a job that was rolled back, which can still be looked at', async () => {
    const of = new Turns(harness, node);
    const first = await of.submit();
    await of.end(first, await of.begin(first, ['kept']));
    const undone = await of.submit();
    await of.begin(undone, ['undone']);
    const next = await of.submit({ onBusy: 'rollback' });
    await of.end(next, await of.begin(next, ['next']));
    const { items } = await of.get<Page<{ content: string }>>('/messages');
    expect(items.map(({ content }) => content)).toEqual(['kept', 'next']);
    expect(await json(call('GET', `/jobs/${undone}`))).toMatchObject({ status: 'cancelled', text: 'undone' });
    const jobs = await json<Page<JobView>>(call('GET', `/jobs?threadId=${of.threadId}`));
    expect(jobs.items.map(({ id }) => id)).toEqual([next, undone, first]);
  });
});

describe('a fork', () => {
  it('begins where the thread stands, under a new id', async () => {
    const of = new Turns(harness, node);
    const first = await of.submit();
    await of.end(first, await of.begin(first, ['shared']));
    await of.submit(); // busy
    const id = newId();
    const made = await call('POST', `/threads/${of.threadId}/fork`, { id });
    expect([made.status, made.headers.get('location')]).toEqual([201, `/threads/${id}`]);
    expect(await made.json()).toMatchObject({ id, status: 'idle', activeJob: null });
    const { items } = await json<Page<{ content: string }>>(call('GET', `/threads/${id}/messages`));
    expect(items.map(({ content }) => content)).toEqual(['shared']);
    expect(await refusal(call('POST', `/threads/${of.threadId}/fork`, { id }))).toEqual([409, 'THREAD_EXISTS']);
    expect(await refusal(call('POST', `/threads/${of.threadId}/fork`, { checkpointId: 'none' }))).toEqual([
      404,
      'THREAD_NOT_FOUND',
    ]);
    expect((await call('POST', `/threads/${of.threadId}/fork`)).status).toBe(201);
  });

  it('begins before or after a job or a message', async () => {
    const of = new Turns(harness, node);
    const jobs: string[] = [];
    for (const text of ['one', 'two', 'three']) {
      const job = await of.submit();
      await of.end(job, await of.begin(job, [text]));
      jobs.push(job);
    }
    const forked = async (place: object) => {
      const { id } = await json<ThreadView>(call('POST', `/threads/${of.threadId}/fork`, place));
      const { items } = await json<Page<{ content: string }>>(call('GET', `/threads/${id}/messages`));
      return items.map(({ content }) => content).join(' ');
    };
    const { items } = await of.get<Page<{ messageId: string }>>('/messages');
    expect(await forked({ before: { jobId: jobs[0] } })).toBe('');
    expect(await forked({ before: { jobId: jobs[2] } })).toBe('one two');
    expect(await forked({ after: { jobId: jobs[1] } })).toBe('one two');
    expect(await forked({ before: { messageId: items[1]?.messageId } })).toBe('one');
    expect(await forked({ after: { messageId: items[1]?.messageId } })).toBe('one two');
  });

  it('is refused at what the thread does not have, and after the job that runs', async () => {
    const of = new Turns(harness, node);
    const running = await of.submit();
    const path = `/threads/${of.threadId}/fork`;
    expect(await refusal(call('POST', path, { after: { jobId: running } }))).toEqual([409, 'THREAD_BUSY']);
    expect(await refusal(call('POST', path, { before: { jobId: newId() } }))).toEqual([404, 'JOB_NOT_FOUND']);
    expect(await refusal(call('POST', path, { before: { messageId: 'none' } }))).toEqual([404, 'THREAD_NOT_FOUND']);
  });

  it.each<[object, string]>([
    [{ before: {} }, '/before'],
    [{ after: { jobId: 'x'.repeat(16), messageId: 'm' } }, '/after'],
    [{ after: { jobId: 'no' } }, '/after/jobId'],
    [{ before: { messageId: '' } }, '/before/messageId'],
    [{ before: { messageId: 'm' }, after: { messageId: 'm' } }, ''],
    [{ before: { messageId: 'm' }, checkpointId: 'c' }, ''],
    [{ nope: 1 }, '/nope'],
  ])('refuses %j', async (body, pointer) => {
    const answer = await call('POST', `/threads/${newId()}/fork`, body);
    expect(answer.status).toBe(400);
    expect(((await answer.json()) as Problem).errors?.map((error) => error.pointer)).toEqual([pointer]);
  });
});

describe('DELETE /threads/:id', () => {
  const traces = async (own: ApiHarness, ids: readonly string[]) => {
    const found: string[] = [];
    for (const key of await own.redis.keys(`*${own.prefix}*`)) {
      const type = await own.redis.type(key);
      const content = {
        string: () => own.redis.get(key),
        hash: () => own.redis.hgetall(key),
        list: () => own.redis.lrange(key, 0, -1),
        set: () => own.redis.smembers(key),
        zset: () => own.redis.zrange(key, 0, '-1'),
        stream: () => own.redis.xrange(key, '-', '+'),
      }[type as 'string'];
      const whole = `${key} ${JSON.stringify(await content?.())}`;
      if (ids.some((id) => whole.includes(id))) found.push(whole);
    }
    return found;
  };

  it('ends what runs, and leaves nothing of thread and jobs in Redis', async () => {
    await using own = await ApiHarness.start({ MILLRACE_SWEEP_MS: '600000' });
    const at = await own.node();
    const of = new Turns(own, at);
    const done = await of.submit({}, { 'idempotency-key': 'mine' });
    await of.end(done, await of.begin(done, ['a secret']));
    const running = await of.submit({ onDisconnect: 'cancel' });
    await of.begin(running, ['half']);
    const [waiting, delayed] = [await of.submit(), await of.submit({ delayMs: 3_600_000 })];
    const kept = await submit(at);
    const watchers = await Promise.all([running, waiting, delayed].map((id) => readSse(`${at.url}/jobs/${id}/stream`)));
    await Promise.all(watchers.map((watcher) => watcher.take(1)));
    expect((await call('DELETE', `/threads/${of.threadId}`, undefined, undefined, at)).status).toBe(204);
    await Promise.all(watchers.map((watcher) => watcher.ended));
    expect(watchers.map((watcher) => watcher.terminal()?.event)).toEqual(['cancelled', 'cancelled', 'cancelled']);
    await eventually(async () => (await traces(own, [of.threadId, done, running, waiting, delayed])).length === 0, {
      timeoutMs: 2_000,
    }).catch(() => undefined);
    expect(await traces(own, [of.threadId, done, running, waiting, delayed])).toEqual([]);
    expect(await own.reader.outline(refOf(kept))).not.toBeNull();
    const left = await own.redis.hgetall(own.keys.storedBytesOf('default'));
    expect(new Set(Object.keys(left))).toEqual(new Set([refOf(kept), 'total']));
    expect(Number(left['total'])).toBe(Number(left[refOf(kept)]));
    expect(await refusal(call('GET', `/jobs/${running}`, undefined, undefined, at))).toEqual([404, 'JOB_NOT_FOUND']);
    expect((await call('DELETE', `/threads/${of.threadId}`, undefined, undefined, at)).status).toBe(404);
  });

  it('leaves nothing in the queue of a job whose worker is dead', async () => {
    await using own = await ApiHarness.start({ MILLRACE_SWEEP_MS: '600000' });
    const at = await own.node();
    const of = new Turns(own, at);
    const id = await of.submit();
    const connection = { url: own.redisUrl, maxRetriesPerRequest: null };
    const worker = new Worker(QUEUE_NAME, null, { connection, prefix: own.keys.queuePrefix, autorun: false });
    expect((await worker.getNextJob('token', { block: false }))?.id).toBe(refOf(id));
    // it dies: nobody renews its lock, and no other worker looks for stalled jobs
    await worker.close(true);
    await own.begin(id);
    expect((await call('DELETE', `/threads/${of.threadId}`, undefined, undefined, at)).status).toBe(204);
    await eventually(async () => (await traces(own, [of.threadId, id])).length === 0);
  });

  it('and new jobs at the same time: each is erased with the thread, or is of a new one', async () => {
    for (let round = 0; round < 30; round += 1) {
      const of = new Turns(harness, node);
      await of.submit();
      const [deleted, ...answers] = await Promise.all([
        call('DELETE', `/threads/${of.threadId}`),
        ...[1, 2, 3].map(() => post(node, { query: 'hi', threadId: of.threadId }, { accept: 'application/json' })),
      ]);
      expect(deleted?.status).toBe(204);
      const ids = await Promise.all(
        answers.map(async (answer) => {
          const { id, code } = (await answer.json()) as { id?: string; code?: string };
          // the job may be erased before it is read for the answer
          expect([202, 404]).toContain(answer.status);
          if (answer.status === 404) expect(code).toBe('JOB_NOT_FOUND');
          return id ?? '';
        }),
      );
      const left = (await Promise.all(ids.map((id) => harness.reader.outline(refOf(id))))).filter(
        (job) => job !== null,
      );
      const thread = await call('GET', `/threads/${of.threadId}`);
      if (left.length === 0) {
        expect([200, 404]).toContain(thread.status);
      } else {
        const { activeJob } = (await thread.json()) as ThreadView;
        expect(left.map(({ jobId }) => jobId)).toContain(activeJob);
        expect(await of.isQueued(activeJob ?? '')).toBe(true);
        const queued = await Promise.all(left.map(({ jobId }) => of.isQueued(jobId)));
        expect(queued.filter(Boolean)).toHaveLength(1);
      }
    }
  });

  it('is final for a worker that still writes', async () => {
    const of = new Turns(harness, node);
    const id = await of.submit();
    const writer = await of.begin(id, ['half']);
    await call('DELETE', `/threads/${of.threadId}`);
    await expect(say(writer, ['more'])).rejects.toThrow();
    await of.leave(id);
    expect(await harness.redis.exists(harness.keys.record(refOf(id)), harness.keys.log(refOf(id)))).toBe(0);
    expect((await call('GET', `/threads/${of.threadId}`)).status).toBe(404);
  });
});

describe('threads of several tenants (law 14)', () => {
  let keyed: TestNode;
  const KEYS = [`a:user:${SECRETS.a}`, `b:user:${SECRETS.b}`, `ops:admin:${SECRETS.admin}`].join(',');

  beforeAll(async () => {
    keyed = await harness.node({ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: KEYS });
  });

  const as = (key: string, method: string, path: string, body?: unknown) => call(method, path, body, key, keyed);

  it('never meet, even with one id', async () => {
    const id = newId();
    await as(SECRETS.a, 'POST', '/threads', { id, metadata: { of: 'a' } });
    for (const path of ['', '/messages', '/state', '/history']) {
      expect(await refusal(as(SECRETS.b, 'GET', `/threads/${id}${path}`))).toEqual([404, 'THREAD_NOT_FOUND']);
      expect(await refusal(as(SECRETS.b, 'GET', `/threads/${id}${path}?tenant=a`))).toEqual([404, 'THREAD_NOT_FOUND']);
    }
    expect(await refusal(as(SECRETS.b, 'DELETE', `/threads/${id}`))).toEqual([404, 'THREAD_NOT_FOUND']);
    expect(await refusal(as(SECRETS.b, 'POST', `/threads/${id}/fork`, {}))).toEqual([404, 'THREAD_NOT_FOUND']);
    expect(await refusal(as(SECRETS.b, 'GET', '/threads?tenant=a'))).toEqual([403, 'FORBIDDEN']);
    expect((await as(SECRETS.b, 'POST', '/threads', { id })).status).toBe(201);
    expect(await json(as(SECRETS.a, 'GET', `/threads/${id}`))).toMatchObject({ metadata: { of: 'a' } });
    const { items } = await json<Page<ThreadView>>(as(SECRETS.b, 'GET', '/threads'));
    expect(items.map(({ metadata }) => metadata)).toEqual([{}]);
  });

  it('are all an admin’s, who says whose where two have one id', async () => {
    const [shared, only] = [newId(), newId()];
    for (const [key, id] of [
      [SECRETS.a, shared],
      [SECRETS.b, shared],
      [SECRETS.b, only],
    ] as const) {
      await as(key, 'POST', '/threads', { id, metadata: { of: key } });
    }
    expect(await json(as(SECRETS.admin, 'GET', `/threads/${only}`))).toMatchObject({ metadata: { of: SECRETS.b } });
    expect(await refusal(as(SECRETS.admin, 'GET', `/threads/${shared}`))).toEqual([409, 'AMBIGUOUS_ID']);
    expect(await json(as(SECRETS.admin, 'GET', `/threads/${shared}?tenant=a`))).toMatchObject({
      metadata: { of: SECRETS.a },
    });
    const all = await json<Page<ThreadView>>(as(SECRETS.admin, 'GET', '/threads?limit=3'));
    expect(all.items.map(({ id }) => id)).toEqual([only, shared, shared]);
    const ofA = await json<Page<ThreadView>>(as(SECRETS.admin, 'GET', '/threads?tenant=a&limit=1'));
    expect(ofA.items.map(({ metadata }) => metadata['of'])).toEqual([SECRETS.a]);
    expect((await as(SECRETS.admin, 'DELETE', `/threads/${only}`)).status).toBe(204);
    expect((await as(SECRETS.b, 'GET', `/threads/${only}`)).status).toBe(404);
  });

  it('count for what their tenant may store', async () => {
    const MIB = 1_048_576;
    await using own = await ApiHarness.start();
    const at = await own.node({ MILLRACE_MAX_STORED_BYTES_PER_TENANT: String(MIB) });
    const metadata = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`k${i}`, 'x'.repeat(512)]));
    const statuses: number[] = [];
    for (let i = 0; i < 200 && !statuses.includes(429); i += 1) {
      statuses.push((await call('POST', '/threads', { metadata }, undefined, at)).status);
    }
    expect(statuses.at(-1)).toBe(429);
    expect(statuses.length).toBeGreaterThan(100);
    const refused = await post(at, { query: 'x' });
    expect([refused.status, ((await refused.json()) as Problem).code]).toEqual([429, 'QUOTA_EXCEEDED']);
  });
});

describe('GET /pipelines (PROTOCOL §5)', () => {
  it('has the built-in pipeline, even without a worker', async () => {
    expect(await json(call('GET', '/pipelines'))).toEqual({
      items: [{ name: 'chat', kind: 'pipeline', workers: [] }],
      nextCursor: null,
    });
  });
});

describe('threads whose key cannot be had', () => {
  it('are in a list of all tenants without their words, and not lost to a search', async () => {
    const secrets = Object.entries({ a: 'user', b: 'user', admin: 'admin' }).map(
      ([tenant, role]) => `${tenant}:${role}:${SECRETS[tenant as keyof typeof SECRETS]}`,
    );
    await using own = await ApiHarness.start({
      MILLRACE_AUTH: 'apikey',
      MILLRACE_API_KEYS: secrets.join(),
      MILLRACE_ENCRYPTION_KEYS: `m1:${Buffer.alloc(32, 'k').toString('base64')}`,
    });
    const [first, later] = [await own.node(), await own.node()];
    const [mine, theirs] = [newId(), newId()];
    for (const [id, key] of [
      [mine, SECRETS.a],
      [theirs, SECRETS.b],
    ] as const) {
      expect((await call('POST', '/threads', { id, metadata: { title: 'Herons' } }, key, first)).status).toBe(201);
    }
    // the other node has not met this tenant yet
    const stored = (await own.redis.hget(own.keys.dataKeys, 'b')) ?? '';
    await own.redis.hset(own.keys.dataKeys, 'b', stored.replace(' m1 ', ' lost '));
    const titles = async (path: string, key: string) => {
      const { items } = await json<Page<ThreadView>>(call('GET', path, undefined, key, later));
      return new Map(items.map(({ id, metadata }) => [id, metadata]));
    };
    const shown = new Map([
      [theirs, {}],
      [mine, { title: 'Herons' }],
    ]);
    expect(await titles('/threads', SECRETS.admin)).toEqual(shown);
    expect(await titles('/threads?search=heron', SECRETS.admin)).toEqual(shown);
    expect(await titles('/threads?search=heron', SECRETS.a)).toEqual(new Map([[mine, { title: 'Herons' }]]));
    for (const path of ['/threads', '/threads?search=heron']) {
      expect(await refusal(call('GET', path, undefined, SECRETS.b, later))).toEqual([503, 'UNAVAILABLE']);
    }
  });
});

describe('threads of a newer version', () => {
  it('are in lists without their metadata, and not lost to a search; by themselves they are left to it', async () => {
    await using own = await ApiHarness.start();
    const at = await own.node();
    const [newer, busy, ours] = [newId(), newId(), newId()];
    for (const id of [newer, busy, ours]) {
      await call('POST', '/threads', { id, metadata: { title: 'Herons' } }, undefined, at);
    }
    const form = { format: '1000', metadata: 'another form' };
    const keys = new ThreadKeys(own.prefix);
    await own.redis.hset(keys.record(threadRef('default', newer)), form);
    // the job that has its turn is gone: the newer version passes it on
    await own.redis.hset(keys.record(threadRef('default', busy)), { ...form, active: 'gone' });
    for (const path of ['/threads', '/threads?tenant=default', '/threads?tenant=default&search=heron']) {
      const { items } = await json<Page<ThreadView>>(call('GET', path, undefined, undefined, at));
      expect(items.map(({ id, status, metadata }) => [id, status, metadata])).toEqual([
        [ours, 'idle', { title: 'Herons' }],
        [busy, 'busy', {}],
        [newer, 'idle', {}],
      ]);
    }
    const found = await json<{ thread_id: string; values: unknown }[]>(
      call('POST', '/langgraph/threads/search', {}, undefined, at),
    );
    expect(found.map(({ thread_id, values }) => [thread_id, values])).toEqual([
      [ours, { messages: [] }],
      [busy, null],
      [newer, null],
    ]);
    for (const part of ['', '/messages', '/state', '/history']) {
      const path = `/threads/${newer}${part}`;
      expect(await refusal(call('GET', path, undefined, undefined, at))).toEqual([503, 'UNAVAILABLE']);
    }
  });
});
