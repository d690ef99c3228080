import { once } from 'node:events';
import { mkdtemp, readdir, rm, truncate } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Archiver, type JobArchive, openArchive } from '@millrace/archive';
import { idOf, type JobRef, jobRef, logLimits } from '@millrace/contracts';
import { ErasedCopies, FairQueue, RawJobs, UnarchivedJobs } from '@millrace/stream-log';
import { eventually, readSse, startRedis, type TestRedis } from '@millrace/testing';
import { ApiHarness, type Env, post, refOf, submit, type TestNode } from '../testing/api-harness.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis?.stop());

const KEYS = 'own:manager:the-secret-of-the-own-tenant,ops:admin:the-secret-of-the-admin';
const OWN = { 'x-api-key': 'the-secret-of-the-own-tenant' };
const ADMIN = { 'x-api-key': 'the-secret-of-the-admin' };

/** API nodes with an archive in a folder, and a worker that the test plays. */
class Archived implements AsyncDisposable {
  private constructor(
    readonly harness: ApiHarness,
    readonly node: TestNode,
    readonly archive: JobArchive,
    readonly archiver: Archiver,
    readonly fairQueue: FairQueue,
    readonly folder: string,
  ) {}

  static async start(env: Env = {}): Promise<Archived> {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-archive-'));
    const url = pathToFileURL(folder).href;
    const harness = new ApiHarness(redis.url, {
      ...{ MILLRACE_ARCHIVE: url, MILLRACE_LOG_RETENTION_SECONDS: '1', MILLRACE_RECORD_RETENTION_SECONDS: '1' },
      ...{ MILLRACE_SWEEP_MS: '200', ...env },
    });
    const { keys } = harness;
    const archive = await openArchive(url);
    const archiver = new Archiver(
      {
        ...{ archive, jobs: new RawJobs(harness.redis, keys), unarchived: new UnarchivedJobs(harness.redis, keys) },
        ...{ erasedCopies: new ErasedCopies(harness.redis, keys), retentionMs: 1, told: () => undefined },
      },
      { minAgeMs: 0 },
    );
    const fairQueue = new FairQueue(harness.redis, keys, logLimits(harness.settings({})));
    return new Archived(harness, await harness.node(), archive, archiver, fairQueue, folder);
  }

  /** Runs jobs to their ends. */
  async end(ref: JobRef, deltas: readonly string[] = ['Hello', ' world']): Promise<void> {
    await this.harness.answer(idOf(ref), deltas, ref.slice(0, ref.lastIndexOf('.')));
    // a job that the ledger has counted
    await this.fairQueue.retire({ ref, keptBytes: 1, usage: { total: 1, attempts: { 1: { exact: true, rows: [] } } } });
  }

  /** What has ended leaves Redis. */
  async leave(...refs: readonly JobRef[]): Promise<void> {
    const { redis: client, keys } = this.harness;
    await eventually(async () => {
      await this.archiver.run(new AbortController().signal);
      return (await client.exists(...refs.map((ref) => keys.record(ref)))) === 0;
    });
    for (const ref of refs) await client.del(keys.log(ref));
    // the sweep takes them off the lists
    await eventually(async () => (await client.zmscore(keys.allJobs, ...refs)).every((place) => place === null));
  }

  get(path: string, headers: Env = {}): Promise<Response> {
    return fetch(`${this.node.url}${path}`, { headers });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.harness[Symbol.asyncDispose]();
    await this.archive.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Paths of a job that answer once it has ended. */
const views = (id: string) => [
  `/jobs/${id}`,
  `/jobs/${id}?include=text,messages`,
  `/jobs/${id}/stream`,
  `/v1/stream/${id}?offset=-1`,
];

describe('a job that has left Redis for the archive', () => {
  it('is answered as before, byte for byte, in every protocol', async () => {
    await using d = await Archived.start();
    const id = await submit(d.node, {}, { query: 'hi', metadata: { a: 'ü' } });
    await d.end(refOf(id));
    const answers = async () => {
      const bodies: string[] = [];
      for (const path of views(id)) bodies.push(`${(await d.get(path)).status} ${await (await d.get(path)).text()}`);
      bodies.push(await (await d.get(`/jobs/${id}/stream`, { accept: 'text/plain' })).text());
      bodies.push(await (await d.get(`/jobs/${id}/stream`, { 'last-event-id': '1-2' })).text());
      return bodies;
    };
    const before = await answers();
    expect(before.filter((body) => /^[45]/.test(body))).toEqual([]);
    expect(before[0]).toContain('Hello world');
    await d.leave(refOf(id));
    expect(await answers()).toEqual(before);
    expect((await d.get(`/jobs/${id}`, {})).status).toBe(200);
    const end = await d.get(`/jobs/${id}/stream`, { 'last-event-id': '1-4' });
    expect(end.status).toBe(204);
  });

  it('gets 409 for a cancel, and attaches a request that repeats its idempotency key', async () => {
    await using d = await Archived.start();
    const headers = { 'idempotency-key': 'once' };
    const id = await submit(d.node, headers);
    await d.end(refOf(id));
    await d.leave(refOf(id));
    expect((await fetch(`${d.node.url}/jobs/${id}`, { method: 'DELETE' })).status).toBe(409);
    await d.harness.redis.del(d.harness.keys.record(refOf(id)));
    const repeated = await post(d.node, { query: 'hi' }, headers);
    expect(repeated.headers.get('x-request-id')).toBe(id);
    expect(await repeated.text()).toContain('world');
  });

  it('is erased there, and not found any more', async () => {
    await using d = await Archived.start();
    const id = await submit(d.node);
    await d.end(refOf(id));
    await d.leave(refOf(id));
    expect((await fetch(`${d.node.url}/jobs/${id}/data`, { method: 'DELETE' })).status).toBe(204);
    expect(await d.archive.get(refOf(id), AbortSignal.timeout(5_000))).toBeNull();
    expect((await d.get(`/jobs/${id}`)).status).toBe(404);
    expect((await d.get('/jobs')).ok).toBe(true);
  });

  it('stays in the lists, in the order of its arrival', async () => {
    await using d = await Archived.start();
    const ids: string[] = [];
    for (let nth = 0; nth < 7; nth += 1)
      ids.push(await submit(d.node, {}, { query: `${nth}`, metadata: { nth: `${nth}` } }));
    // one in the middle goes on, the newest has not left yet
    const left = ids.filter((_, nth) => nth !== 3 && nth !== 6);
    for (const id of left) await d.end(refOf(id));
    await d.leave(...left.map(refOf));
    await d.end(refOf(ids[6] ?? ''));
    const list = async (query: string) => {
      const found: string[] = [];
      for (let cursor = ''; ; ) {
        const answer = await d.get(`/jobs?${query}${cursor === '' ? '' : `&cursor=${cursor}`}`);
        const page = (await answer.json()) as { items: { id: string; metadata: object }[]; nextCursor: string | null };
        found.push(...page.items.map(({ id }) => id));
        if (page.nextCursor === null) return found;
        cursor = page.nextCursor;
      }
    };
    for (const limit of [1, 2, 3, 100]) expect(await list(`limit=${limit}`)).toEqual(ids.toReversed());
    expect(await list('status=queued')).toEqual([ids[3]]);
    expect(await list('status=completed&limit=2')).toEqual(ids.filter((_, nth) => nth !== 3).toReversed());
    // seen again, it is in the list once
    await d.get(`/jobs/${ids[0]}`);
    expect(await list('limit=3')).toEqual(ids.toReversed());
  });

  it('is found by an admin, and by nobody of another tenant', async () => {
    await using d = await Archived.start({
      MILLRACE_AUTH: 'apikey',
      MILLRACE_API_KEYS: `${KEYS},other:user:the-secret-of-another-one`,
    });
    const id = await submit(d.node, OWN);
    const ref = jobRef('own', id);
    await d.end(ref);
    await d.leave(ref);
    expect((await d.get(`/jobs/${id}`, { 'x-api-key': 'the-secret-of-another-one' })).status).toBe(404);
    expect(await d.harness.redis.exists(d.harness.keys.record(ref))).toBe(0);
    expect((await d.get(`/jobs/${id}`, ADMIN)).status).toBe(200);
    await d.harness.redis.del(d.harness.keys.record(ref));
    expect((await d.get(`/jobs/${id}?tenant=own`, ADMIN)).status).toBe(200);
    expect((await d.get(`/jobs/${id}`, OWN)).status).toBe(200);
  });

  it('is found by an admin although another of its id is just being erased', async () => {
    await using d = await Archived.start({
      MILLRACE_AUTH: 'apikey',
      MILLRACE_API_KEYS: `${KEYS},other:user:the-secret-of-another-one`,
    });
    const id = 'chosen-by-both-of-them';
    await submit(d.node, { ...OWN, 'x-request-id': id });
    await submit(d.node, { 'x-api-key': 'the-secret-of-another-one', 'x-request-id': id });
    const [own, other] = [jobRef('own', id), jobRef('other', id)];
    for (const ref of [own, other]) await d.end(ref);
    await d.leave(own, other);
    expect((await d.get(`/jobs/${id}`, ADMIN)).status).toBe(409);
    await new ErasedCopies(d.harness.redis, d.harness.keys).note(other);
    expect((await d.get(`/jobs/${id}`, ADMIN)).status).toBe(200);
  });

  it('goes with its thread, and with its tenant', async () => {
    await using d = await Archived.start({ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: KEYS });
    const inThread = await submit(d.node, OWN, { query: 'hi', threadId: 'a-thread' });
    const alone = await submit(d.node, OWN);
    const refs = [inThread, alone].map((id) => jobRef('own', id));
    for (const ref of refs) await d.end(ref);
    // whoever looks at a thread passes on the turn of a job that has ended, as its worker does
    expect((await d.get('/threads/a-thread', OWN)).status).toBe(200);
    await d.leave(...refs);
    const has = async (id: string) => (await d.archive.get(jobRef('own', id), AbortSignal.timeout(5_000))) !== null;
    const remove = (path: string, headers: Env) => fetch(`${d.node.url}${path}`, { method: 'DELETE', headers });
    expect((await remove('/threads/a-thread', OWN)).status).toBe(204);
    expect([await has(inThread), await has(alone)]).toEqual([false, true]);
    // in Redis again for a while
    expect((await d.get(`/jobs/${alone}`, OWN)).status).toBe(200);
    expect((await remove('/tenants/own/data', ADMIN)).status).toBe(204);
    expect(await has(alone)).toBe(false);
    expect((await d.get(`/jobs/${alone}`, OWN)).status).toBe(404);
  });
});

it('many who ask at the same time wait for each other, as one tenant or not', async () => {
  await using d = await Archived.start();
  const ids = await Promise.all(Array.from({ length: 60 }, () => submit(d.node)));
  for (const id of ids) await d.end(refOf(id));
  await d.leave(...ids.map(refOf));
  const statuses = async (paths: readonly string[]) =>
    new Set(await Promise.all(paths.map(async (path) => (await d.get(path)).status)));
  const unknown = Array.from({ length: 200 }, (_, nth) => `/jobs/nobody-has-${nth}`);
  expect(await statuses(unknown)).toEqual(new Set([404]));
  expect(await statuses(Array<string>(100).fill('/jobs'))).toEqual(new Set([200]));
  expect(await statuses(ids.map((id) => `/jobs/${id}`))).toEqual(new Set([200]));
}, 60_000);

it('a job whose erasure has stopped half-way goes with its thread', async () => {
  await using d = await Archived.start({ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: KEYS });
  const id = await submit(d.node, OWN, { query: 'hi', threadId: 'a-thread' });
  const ref = jobRef('own', id);
  await d.end(ref);
  expect((await d.get('/threads/a-thread', OWN)).status).toBe(200);
  await d.leave(ref);
  await new ErasedCopies(d.harness.redis, d.harness.keys).note(ref);
  const erased = await fetch(`${d.node.url}/threads/a-thread`, { method: 'DELETE', headers: OWN });
  expect(erased.status).toBe(204);
  expect(await d.archive.get(ref, AbortSignal.timeout(5_000))).toBeNull();
});

describe('a job whose copy is damaged', () => {
  async function damaged(): Promise<{ d: Archived; id: string; other: string; files: () => Promise<string[]> }> {
    const d = await Archived.start({ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: KEYS });
    const id = await submit(d.node, OWN, { query: 'hi', threadId: 'a-thread' });
    const other = await submit(d.node, OWN);
    const refs = [id, other].map((each) => jobRef('own', each));
    for (const ref of refs) await d.end(ref);
    expect((await d.get('/threads/a-thread', OWN)).status).toBe(200);
    await d.leave(...refs);
    const files = async () => {
      const entries = await readdir(d.folder, { recursive: true, withFileTypes: true });
      return entries.filter(({ name }) => name.includes(id)).map(({ parentPath, name }) => join(parentPath, name));
    };
    for (const file of await files()) await truncate(file, 0);
    return { d, id, other, files };
  }

  it('hides no other, is no 404, and is logged once', async () => {
    const { d, id, other } = await damaged();
    await using _ = d;
    for (let nth = 0; nth < 2; nth += 1) {
      const list = await d.get('/jobs', OWN);
      expect(await list.json()).toMatchObject({ items: [{ id: other }], nextCursor: null, incomplete: true });
    }
    const answer = await d.get(`/jobs/${id}`, OWN);
    expect(answer.status).toBe(500);
    expect(await answer.json()).toMatchObject({ code: 'INTERNAL', detail: expect.stringContaining('damaged') });
    const lines = d.node.log.filter(({ msg }) => msg === 'an archived job cannot be read');
    expect(lines).toMatchObject([{ tenant: 'own', jobId: id }]);
  });

  it.each([
    ['its thread', '/threads/a-thread', OWN],
    ['its tenant', '/tenants/own/data', ADMIN],
  ])('goes with %s', async (_what, path, headers) => {
    const { d, files } = await damaged();
    await using _ = d;
    expect(await files()).toHaveLength(2);
    expect((await fetch(`${d.node.url}${path}`, { method: 'DELETE', headers })).status).toBe(204);
    expect(await files()).toEqual([]);
  });
});

describe('a reader that is slower than its ended job stays in Redis', () => {
  // more than the buffers of both sides take
  const DELTA = 'x'.repeat(64 * 1024);
  const TIMES = 400;
  const LONG = { MILLRACE_MAX_LOG_BYTES: String(2 * TIMES * DELTA.length) };

  /** An answer of which nobody has read anything when its job has ended and left Redis. */
  async function unread(d: Archived, path: (id: string) => string, body: object = { query: 'hi' }): Promise<Response> {
    const id = await submit(d.node, {}, body);
    const answer = await d.get(path(id));
    await d.end(refOf(id), Array(TIMES).fill(DELTA));
    await d.leave(refOf(id));
    return answer;
  }

  it.each([
    ['its own protocol', (id: string) => `/jobs/${id}/stream`, 'event: done'],
    ['one that cannot resume', (id: string) => `/v1/responses/${id}?stream=true`, 'event: response.completed'],
  ])('gets the rest of its answer from the archive, in %s', async (_which, path, end) => {
    await using d = await Archived.start(LONG);
    const answer = await unread(d, path);
    const text = await answer.text();
    expect(text.match(/^event: (reset|error|response.failed)/m)).toBeNull();
    expect(text.includes(end)).toBe(true);
    expect(text.match(/x/g)?.length).toBeGreaterThan(TIMES * DELTA.length);
  });

  it('gets the rest of a thread', async () => {
    await using d = await Archived.start(LONG);
    const body = { query: 'hi', threadId: 'a-thread' };
    await using stream = await readSse(await unread(d, () => '/threads/a-thread/stream?from=start', body));
    await stream.until(({ event }) => event === 'done' || event === 'error');
    expect(stream.text()).toHaveLength(TIMES * DELTA.length);
  });

  it('is cut off without an end when the archive does not answer', async () => {
    await using d = await Archived.start(LONG);
    const answer = await unread(d, (id) => `/jobs/${id}/stream`);
    // a node that has used the folder, and finds it away
    expect((await d.get('/jobs/an-id-that-nobody-has')).status).toBe(404);
    await rm(d.folder, { recursive: true });
    const text = await answer.text();
    expect(text.match(/^event: (reset|error|done)/m)).toBeNull();
    expect(text.includes('id: 1-2')).toBe(true);
  });
});

describe('an archive that is away', () => {
  const AWAY = { MILLRACE_ARCHIVE: 'postgres://127.0.0.1:1/nowhere' };
  interface List {
    readonly items: readonly { id: string }[];
    readonly nextCursor: string | null;
    readonly incomplete?: true;
  }
  const listOf = async (node: TestNode, query = '') => {
    const answer = await fetch(`${node.url}/jobs${query}`);
    return { status: answer.status, list: (await answer.json()) as List };
  };

  it('is no 404, and no hang', async () => {
    await using harness = new ApiHarness(redis.url, AWAY);
    const node = await harness.node();
    const id = await submit(node);
    for (const path of ['/jobs/an-id-that-nobody-has', '/jobs/an-id-that-nobody-has/stream']) {
      const answer = await fetch(`${node.url}${path}`);
      expect([path, answer.status]).toEqual([path, 503]);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await answer.json()).toMatchObject({ code: 'UNAVAILABLE' });
    }
    // what is in Redis needs no archive, and what has not ended is in none
    expect((await fetch(`${node.url}/jobs/${id}`)).status).toBe(200);
    expect((await listOf(node, '?status=queued')).list).toEqual({
      ...{ items: [expect.objectContaining({ id })], nextCursor: null },
    });
  });

  it.each(['', '?status=completed'])('GET /jobs%s lists what Redis has, then 503 for the rest', async (query) => {
    await using harness = new ApiHarness(redis.url, AWAY);
    const node = await harness.node();
    const ids: string[] = [];
    for (let nth = 0; nth < 5; nth += 1) {
      const id = await submit(node);
      await harness.answer(id, ['x']);
      ids.unshift(id);
    }
    const and = query === '' ? '?' : `${query}&`;
    const found: string[] = [];
    let cursor = '';
    for (let pages = 0; ; pages += 1) {
      const { status, list } = await listOf(node, `${and}limit=2${cursor}`);
      if (status === 503) break;
      expect(pages).toBeLessThan(4);
      expect({ status, incomplete: list.incomplete }).toEqual({ status: 200, incomplete: true });
      found.push(...list.items.map(({ id }) => id));
      cursor = `&cursor=${list.nextCursor}`;
    }
    expect(found).toEqual(ids);
    expect(cursor).not.toContain('null');
  });

  it('leaves the first page empty where Redis has nothing, and gives all from its cursor when it is back', async () => {
    await using d = await Archived.start();
    const id = await submit(d.node);
    await d.end(refOf(id));
    await d.leave(refOf(id));
    const without = await d.harness.node(AWAY);
    const { status, list } = await listOf(without);
    expect({ status, list }).toMatchObject({ status: 200, list: { items: [], incomplete: true } });
    const next = `?cursor=${list.nextCursor}`;
    expect((await listOf(without, next)).status).toBe(503);
    expect((await listOf(d.node, next)).list).toMatchObject({ items: [{ id }], nextCursor: null });
  });

  it('and silent holds up the first list for as long as it may take, and no later one', async () => {
    const silent = createServer((socket) => socket.on('error', () => undefined).resume()).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    await using harness = new ApiHarness(redis.url, { MILLRACE_ARCHIVE: `postgres://127.0.0.1:${port}/nowhere` });
    const node = await harness.node();
    const id = await submit(node);
    const took = async () => {
      const startedAt = performance.now();
      expect((await listOf(node)).list).toMatchObject({ items: [{ id }], incomplete: true });
      return performance.now() - startedAt;
    };
    expect(await took()).toBeLessThan(12_000);
    for (let nth = 0; nth < 3; nth += 1) expect(await took()).toBeLessThan(2_000);
    silent.close();
  }, 60_000);

  it('gives nothing more of a tenant whose erasure it has held up, and is erased by a worker', async () => {
    await using d = await Archived.start({ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: KEYS });
    const id = await submit(d.node, OWN, { query: 'hi', threadId: 'a-thread' });
    const ref = jobRef('own', id);
    await d.end(ref);
    expect((await d.get('/threads/a-thread', OWN)).status).toBe(200);
    await d.leave(ref);
    const without = await d.harness.node({ MILLRACE_ARCHIVE: 'postgres://127.0.0.1:1/nowhere' });
    const erasure = { method: 'DELETE', headers: ADMIN };
    expect((await fetch(`${without.url}/tenants/own/data`, erasure)).status).toBe(503);
    expect((await d.get(`/jobs/${id}`, OWN)).status).toBe(404);
    await d.archiver.finishErasures(new AbortController().signal);
    expect(await d.archive.get(ref, AbortSignal.timeout(5_000))).toBeNull();
  });
});
