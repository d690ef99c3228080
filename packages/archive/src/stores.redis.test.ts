import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createSilentServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type JobRef, jobRef, newRequestId } from '@millrace/contracts';
import { ContentUnreadable, NewerFormat } from '@millrace/stream-log';
import { eventually, startObjectServer, startPostgres } from '@millrace/testing';
import pg from 'pg';
import { ArchiveReach } from './archive-reach.ts';
import type { ArchivedJob } from './archived-job.ts';
import { StoreUnreachable } from './errors.ts';
import type { ArchiveQuery, JobArchive, PurgeStep } from './job-archive.ts';
import { openArchive } from './open-archive.ts';
import { ObjectArchive } from './stores/object-archive.ts';
import type { ObjectStore } from './stores/object-store.ts';

const signal = AbortSignal.timeout(600_000);
let arrivals = 1_790_000_000_000_000;

function job(ref: JobRef, traits: Partial<ArchivedJob> = {}): ArchivedJob {
  arrivals += 1_000_000;
  return {
    ...{ ref, arrival: String(arrivals), finishedAt: arrivals / 1_000 + 5, status: 'completed', threadId: null },
    fields: { status: 'completed', fingerprint: 'f', metadata: '{"ä":"ö\\u0000"}', error: '~sealed+/=' },
    events: [
      ['0-1', 'accepted', '{}'],
      ['1-1', 'text', `{"text":"Grüße \u{1f600} ${'x'.repeat(10_000)}"}`],
      ['1-2', 'done', '~sealed'],
    ],
    ...traits,
  };
}

const newRef = (tenant: string) => jobRef(tenant, newRequestId());

/** The three stores. */
const STORES: Readonly<Record<string, (parts: AsyncDisposableStack) => Promise<string>>> = {
  folder: async (parts) => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-archive-'));
    parts.defer(() => rm(folder, { recursive: true, force: true }));
    return pathToFileURL(folder).href;
  },
  s3: async (parts) => {
    const server = parts.use(await startObjectServer());
    return `s3://a-bucket/a/prefix?region=eu-central-1&endpoint=${encodeURIComponent(server.url)}`;
  },
  postgresql: async (parts) => parts.use(await startPostgres()).url,
};

describe.each(Object.keys(STORES))('an archive in %s', (kind) => {
  let parts: AsyncDisposableStack;
  let archive: JobArchive;

  beforeAll(async () => {
    process.env['AWS_ACCESS_KEY_ID'] = 'test';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
    parts = new AsyncDisposableStack();
    archive = await openArchive((await STORES[kind]?.(parts)) ?? '');
    parts.defer(() => archive.close());
  });
  afterAll(() => parts?.disposeAsync());

  /** Goes through all pages of a list. */
  async function listed(query: Omit<ArchiveQuery, 'limit'>, limit: number): Promise<JobRef[]> {
    const refs: JobRef[] = [];
    for (let before = query.before; ; ) {
      const page = await archive.list({ ...query, limit, before }, signal);
      expect(page.items.length).toBeLessThanOrEqual(limit);
      refs.push(...page.items.map(({ ref }) => ref));
      if (page.next === null) return refs;
      before = page.next;
    }
  }

  it('gives back what was put, byte for byte', async () => {
    expect(archive.kind).toBe(kind);
    const kept = job(newRef('bytes'), { threadId: 'a-thread' });
    expect(await archive.get(kept.ref, signal)).toBeNull();
    await archive.put(kept, signal);
    expect(await archive.get(kept.ref, signal)).toEqual(kept);
    const [entry] = (await archive.list({ tenant: 'bytes', limit: 1 }, signal)).items;
    const { events: _, ...record } = kept;
    expect(entry).toEqual(record);
  });

  it('has a job once that is put twice, and the newer one of two with the same id', async () => {
    const ref = newRef('twice');
    const first = job(ref);
    const newer = job(ref);
    await archive.put(first, signal);
    await archive.put(first, signal);
    expect(await listed({ tenant: 'twice' }, 10)).toEqual([ref]);
    await archive.put(newer, signal);
    expect(await listed({ tenant: 'twice' }, 10)).toEqual([ref]);
    expect(await archive.get(ref, signal)).toEqual(newer);
    await archive.erase(ref, signal);
    expect(await listed({ tenant: 'twice' }, 10)).toEqual([]);
  });

  it('keeps tenants with the same id apart, and tells who holds an id', async () => {
    const id = newRequestId();
    const own = job(jobRef('holder-a', id));
    await archive.put(own, signal);
    const other = job(jobRef('holder-b', id));
    await archive.put(other, signal);
    const copies = [own, other].map(({ ref, finishedAt }) => ({ ref, finishedAt }));
    expect(new Set(await archive.holders(id, signal))).toEqual(new Set(copies));
    expect(await archive.get(own.ref, signal)).toEqual(own);
    await archive.erase(own.ref, signal);
    expect(await archive.holders(id, signal)).toEqual(copies.slice(1));
    expect(await archive.holders(newRequestId(), signal)).toEqual([]);
  });

  it('lists newest first, by page, thread, status and tenant', async () => {
    const jobs = Array.from({ length: 23 }, (_, nth) =>
      job(newRef(nth % 5 === 0 ? 'list-b' : 'list-a'), {
        status: nth % 3 === 0 ? 'failed' : 'completed',
        threadId: nth % 2 === 0 ? 'even' : null,
      }),
    );
    for (const each of jobs) await archive.put(each, signal);
    const newest = jobs.toReversed();
    const refs = (of: readonly ArchivedJob[]) => of.map(({ ref }) => ref);
    const ofA = newest.filter(({ ref }) => ref.startsWith('list-a.'));
    for (const limit of [1, 4, 100]) {
      expect(await listed({ tenant: 'list-a' }, limit)).toEqual(refs(ofA));
      const even = ofA.filter(({ threadId }) => threadId === 'even');
      expect(await listed({ tenant: 'list-a', threadId: 'even' }, limit)).toEqual(refs(even));
      const failed = ofA.filter(({ status }) => status === 'failed');
      expect(await listed({ tenant: 'list-a', status: 'failed' }, limit)).toEqual(refs(failed));
      const all = await listed({ tenant: null }, limit);
      expect(all.filter((ref) => ref.startsWith('list-'))).toEqual(refs(newest));
    }
    const before = newest[5]?.arrival;
    expect(await listed({ tenant: null, before }, 3).then((all) => all[0])).toEqual(newest[6]?.ref);
  });

  it('erases a job, also one that is not there', async () => {
    const kept = job(newRef('erased'));
    await archive.put(kept, signal);
    await archive.erase(kept.ref, signal);
    await archive.erase(kept.ref, signal);
    expect(await archive.get(kept.ref, signal)).toBeNull();
    expect(await listed({ tenant: 'erased' }, 10)).toEqual([]);
  });

  it('erases what a tenant had by a time, and nothing of another', async () => {
    const early = job(newRef('leaving'));
    const late = job(newRef('leaving'));
    const other = job(newRef('staying'), { arrival: early.arrival });
    for (const each of [early, late, other]) await archive.put(each, signal);
    while (!(await archive.eraseTenant('leaving', early.finishedAt, signal)));
    expect(await archive.get(early.ref, signal)).toBeNull();
    expect(await archive.get(late.ref, signal)).toEqual(late);
    expect(await archive.get(other.ref, signal)).toEqual(other);
    while (!(await archive.eraseTenant('leaving', late.finishedAt, signal)));
    expect(await listed({ tenant: 'leaving' }, 10)).toEqual([]);
    expect(await archive.eraseTenant('never-seen', late.finishedAt, signal)).toBe(true);
  });

  it('purges what ended before a time', async () => {
    const long = job(newRef('purged'), { arrival: '1000000', finishedAt: 90_000 });
    const old = job(newRef('purged'), { arrival: '2000000', finishedAt: 3_000 });
    const recent = job(newRef('purged'));
    for (const each of [long, old, recent]) await archive.put(each, signal);
    expect(await purged(archive, 50_000)).toBe(1);
    expect(await purged(archive, 50_000)).toBe(0);
    expect(await archive.get(old.ref, signal)).toBeNull();
    expect(await listed({ tenant: 'purged' }, 10)).toEqual([recent.ref, long.ref]);
  });

  it('rejects what it cannot do before its signal aborts', async () => {
    const aborted = AbortSignal.abort(new Error('too late'));
    await expect(archive.put(job(newRef('late')), aborted)).rejects.toThrow();
  });
});

/** Goes through all steps of a purge.
 *  @returns how many jobs were erased */
async function purged(archive: JobArchive, endedBefore: number, stepped = () => {}): Promise<number> {
  let all = 0;
  for (let from: string | null = null; ; ) {
    const { erased, next }: PurgeStep = await archive.purge(endedBefore, from, signal);
    stepped();
    all += erased;
    if (next === null) return all;
    from = next;
  }
}

it('purges in steps that are short, however many tenants there are', async () => {
  await using server = await startObjectServer();
  const archive = await openArchive(`s3://b?region=r&endpoint=${encodeURIComponent(server.url)}`);
  const tenants = Array.from({ length: 1_100 }, (_, nth) => `tenant-${nth}`);
  // the first ones have more than a step erases, and so has one of the last
  const many = [...tenants.slice(0, 12), 'tenant-999'].flatMap((tenant) => Array<string>(25).fill(tenant));
  const old = many.map((tenant, nth) => job(newRef(tenant), { arrival: `${nth + 1}000`, finishedAt: 3_000 }));
  const kept = tenants.map((tenant) => job(newRef(tenant)));
  const all = [...old, ...kept];
  while (all.length > 0) await Promise.all(all.splice(0, 32).map((each) => archive.put(each, signal)));
  const steps: number[] = [];
  server.requests.length = 0;
  const erased = await purged(archive, 50_000, () => steps.push(server.requests.splice(0).length));
  expect(erased).toBe(old.length);
  expect(Math.max(...steps)).toBeLessThan(1_000);
  expect(server.objects.size).toBe(2 * kept.length);
  await archive.close();
});

it.each([
  [2_000, false],
  [2_001, true],
])('lists all of %i tenants, or says that some are missing (%p)', async (count, isPartial) => {
  const store: Partial<ObjectStore> = {
    folders: async () => Array.from({ length: count }, (_, nth) => `tenant-${nth}`),
    list: async () => [],
  };
  const archive = new ObjectArchive(store as ObjectStore);
  expect(await archive.list({ tenant: null, limit: 1 }, signal)).toEqual({
    ...{ items: [], unreadable: [], next: null, isPartial },
  });
});

it('tells why a bucket refuses, in the word of its server and no other', async () => {
  const words = ['SignatureDoesNotMatch', 'A <b>sentence</b> with a secret.'];
  const server = createServer((_, response) => {
    response.writeHead(403, { 'content-type': 'application/xml' });
    response.end(`<Error><Code>${words.shift()?.replaceAll('<', '&lt;')}</Code><Message>secret</Message></Error>`);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const archive = await openArchive(`s3://b?region=r&endpoint=${encodeURIComponent(url)}`);
  const ask = () => archive.get(newRef('t'), signal);
  await expect(ask()).rejects.toThrow('the store refuses: SignatureDoesNotMatch (403)');
  await expect(ask()).rejects.toThrow('the store refuses: it does not say why (403)');
  await archive.close();
  server.close();
});

it('leaves a server that is silent, and tries another connection', async () => {
  const connections: Promise<unknown>[] = [];
  const server = createSilentServer((socket: Socket) => {
    connections.push(
      once(
        socket.resume().on('error', () => undefined),
        'close',
      ),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const archive = await openArchive(`s3://b?region=r&endpoint=${encodeURIComponent(url)}`);
  const gaveUp = new AbortController();
  const asked = archive.get(newRef('t'), gaveUp.signal);
  await eventually(() => connections.length > 1, { timeoutMs: 30_000 });
  await connections[0];
  gaveUp.abort();
  await expect(asked).rejects.toThrow();
  await archive.close();
  server.close();
}, 60_000);

it('reads once more where a connection to PostgreSQL is lost, and tells when none can be made', async () => {
  await using postgres = await startPostgres();
  const archive = await openArchive(postgres.url);
  const kept = job(newRef('t'));
  await archive.put(kept, signal);
  // a transaction would see its first list of connections again
  const [locker, breaker] = [new pg.Client(postgres.url), new pg.Client(postgres.url)];
  await Promise.all([locker.connect(), breaker.connect()]);
  const waiting = "query LIKE 'SELECT job%' AND wait_event_type = 'Lock'";
  const breakOff = () =>
    eventually(async () => {
      const broken = await breaker.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${waiting}`);
      return broken.rowCount === 1;
    });
  await locker.query('BEGIN; LOCK TABLE millrace_archive IN ACCESS EXCLUSIVE MODE');
  const lost = expect(archive.get(kept.ref, signal)).rejects.toThrow(StoreUnreachable);
  await breakOff();
  await lost;
  const read = new ArchiveReach(archive).ask((each) => archive.get(kept.ref, each));
  await breakOff();
  await locker.query('COMMIT');
  expect(await read).toEqual(kept);
  await Promise.all([locker.end(), breaker.end()]);
  await postgres.stop();
  await expect(archive.get(kept.ref, signal)).rejects.toThrow(StoreUnreachable);
  await archive.close();
}, 60_000);

describe('a table of PostgreSQL', () => {
  const VALID = `SELECT relname AS name FROM pg_index JOIN pg_class ON oid = indexrelid
    WHERE indrelid = 'millrace_archive'::regclass AND indisvalid AND relname LIKE '%status' ORDER BY 1`;

  /** A database with a table that the first version has made, and many jobs in it. */
  async function large(): Promise<
    AsyncDisposable & { url: string; client: pg.Client; valid: () => Promise<string[]> }
  > {
    const parts = new AsyncDisposableStack();
    const { url } = parts.use(await startPostgres());
    const archive = await openArchive(url);
    await archive.put(job(newRef('t')), signal);
    await archive.close();
    const client = new pg.Client(url);
    await client.connect();
    parts.defer(() => client.end());
    await client.query(`INSERT INTO millrace_archive
      SELECT 't' || nth % 50, 'id-' || nth, nth, nth,
        CASE WHEN nth <= 200 OR (nth % 50 > 0 AND nth % 9 = 0) THEN 'failed' ELSE 'completed' END, NULL, '', ''
      FROM generate_series(1, 20000) nth`);
    await client.query('ANALYZE millrace_archive');
    const valid = async () => (await client.query<{ name: string }>(VALID)).rows.map(({ name }) => name);
    return { url, client, valid, [Symbol.asyncDispose]: () => parts.disposeAsync() };
  }
  const BOTH = ['millrace_archive_status', 'millrace_archive_tenant_status'];

  it('gets the indexes for lists by status, also where one was broken off, and lists use them', async () => {
    await using d = await large();
    expect(await d.valid()).toEqual([]);
    const broken = BOTH[0];
    await d.client.query(`CREATE INDEX ${broken} ON millrace_archive (status, arrival DESC)`);
    await d.client.query('UPDATE pg_index SET indisvalid = false WHERE indexrelid = $1::regclass', [broken]);
    const failures: unknown[] = [];
    const archive = await openArchive(d.url, { onIndexFailed: (error) => failures.push(error) });
    await archive.get(newRef('t'), signal);
    await eventually(async () => (await d.valid()).length === 2);
    expect(await d.valid()).toEqual(BOTH);
    expect((await archive.list({ tenant: 't0', status: 'failed', limit: 10 }, signal)).unreadable).toHaveLength(4);
    expect((await archive.list({ tenant: null, status: 'failed', limit: 10 }, signal)).unreadable).toHaveLength(10);
    // connections that end have counted what they did
    await archive.close();
    const used = "SELECT relname FROM pg_stat_user_indexes WHERE idx_scan > 0 AND indexrelname LIKE '%status'";
    await eventually(async () => (await d.client.query(used)).rowCount === 2);
    expect(failures).toEqual([]);
  }, 60_000);

  it('is read and written while an index is made, by processes that start then, too', async () => {
    await using d = await large();
    const slow = new pg.Client(d.url);
    await slow.connect();
    // whoever has looked at the table before holds up an index, and nobody else
    await slow.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM millrace_archive LIMIT 1');
    const failures: unknown[] = [];
    const open = () => openArchive(d.url, { onIndexFailed: (error) => failures.push(error) });
    const [first, second] = [await open(), await open()];
    await first.get(newRef('t'), signal);
    await eventually(async () => {
      const text =
        "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event = 'virtualxid'";
      return (await d.client.query(text)).rowCount === 1;
    });
    const kept = job(newRef('t'));
    await second.put(kept, signal);
    expect(await second.get(kept.ref, signal)).toEqual(kept);
    await slow.query('COMMIT');
    await slow.end();
    await eventually(async () => (await d.valid()).length === 2);
    expect(failures).toEqual([]);
    for (const each of [first, second]) await each.close();
  }, 60_000);
});

it('refuses what a newer version has written', async () => {
  await using server = await startObjectServer();
  const archive = await openArchive(`s3://b?region=r&endpoint=${encodeURIComponent(server.url)}`);
  const kept = job(newRef('newer'));
  await archive.put(kept, signal);
  const [key] = [...server.objects.keys()].filter((name) => name.startsWith('/b/jobs/'));
  server.objects.set(key ?? '', gzipSync(JSON.stringify({ ...kept, tenant: 'newer', format: 2 })));
  await expect(archive.get(kept.ref, signal)).rejects.toThrow(NewerFormat);
  await archive.erase(kept.ref, signal);
  expect(server.objects.size).toBe(0);
  await archive.close();
});

describe('a record that nobody can read', () => {
  const DAMAGES: Readonly<Record<string, (document: object) => Buffer>> = {
    'is empty': () => Buffer.alloc(0),
    'is half of its JSON': (document) => gzipSync(JSON.stringify(document).slice(0, 40)),
    'is no record': () => gzipSync('null'),
    'lacks its fields': (document) => gzipSync(JSON.stringify({ ...document, fields: undefined })),
    'is of a newer version': (document) => gzipSync(JSON.stringify({ ...document, format: 2 })),
  };

  it.each(Object.keys(DAMAGES))(
    'and %s is told in lists of a bucket, hides no other, and is erased',
    async (damage) => {
      await using server = await startObjectServer();
      const archive = await openArchive(`s3://b?region=r&endpoint=${encodeURIComponent(server.url)}`);
      const [before, kept, after] = [job(newRef('t')), job(newRef('t'), { threadId: 'a-thread' }), job(newRef('t'))];
      for (const each of [before, kept, after]) await archive.put(each, signal);
      const { ref, ...rest } = kept;
      const id = ref.slice(2);
      const bytes = DAMAGES[damage]?.({ ...rest, tenant: 't', id, format: 1 }) ?? Buffer.alloc(0);
      for (const key of server.objects.keys()) if (key.includes(id)) server.objects.set(key, bytes);
      const page = await archive.list({ tenant: 't', limit: 10 }, signal);
      expect(page.items.map((item) => item.ref)).toEqual([after.ref, before.ref]);
      expect(page.unreadable).toEqual([{ ref, reason: expect.any(ContentUnreadable) }]);
      const ofThread = await archive.list({ tenant: 't', threadId: 'a-thread', limit: 10 }, signal);
      expect(ofThread).toMatchObject({ items: [], unreadable: [{ ref }] });
      await expect(archive.get(ref, signal)).rejects.toThrow(ContentUnreadable);
      await archive.erase(ref, signal);
      expect([...server.objects.keys()].filter((key) => key.includes(id))).toEqual([]);
      await archive.close();
    },
  );

  it('is told in lists of PostgreSQL, hides no other, and is erased', async () => {
    await using postgres = await startPostgres();
    const archive = await openArchive(postgres.url);
    const [kept, other] = [job(newRef('t')), job(newRef('t'))];
    for (const each of [kept, other]) await archive.put(each, signal);
    const client = new pg.Client(postgres.url);
    await client.connect();
    await client.query(`UPDATE millrace_archive SET record = '', job = '' WHERE id = $1`, [kept.ref.slice(2)]);
    await client.end();
    const page = await archive.list({ tenant: 't', limit: 10 }, signal);
    expect(page).toMatchObject({ items: [{ ref: other.ref }], unreadable: [{ ref: kept.ref }] });
    await archive.erase(kept.ref, signal);
    expect((await archive.list({ tenant: 't', limit: 10 }, signal)).unreadable).toEqual([]);
    await archive.close();
  });
});
