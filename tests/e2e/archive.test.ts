import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jobRef } from '@millrace/contracts';
import { KeySpace } from '@millrace/stream-log';
import {
  eventually,
  type FaultProxy,
  startFaultProxy,
  startPostgres,
  type TestPostgres,
  wordsIn,
} from '@millrace/testing';
import { Redis } from 'ioredis';
import { SystemHarness } from './system-harness.ts';

const PATIENT = { timeoutMs: 60_000 };
/** A word of the answers, which Redis and archive must not hold in the clear. */
const WORD = 'canaryarchivecanary';

const RETENTION = {
  MILLRACE_LOG_RETENTION_SECONDS: '1',
  MILLRACE_RECORD_RETENTION_SECONDS: '1',
  MILLRACE_SWEEP_MS: '500',
  MILLRACE_ENCRYPTION_KEYS: `first:${randomBytes(32).toString('base64')}`,
};

/** A system whose ended jobs leave Redis within seconds. */
class ArchivedSystem {
  readonly redis: Redis;

  constructor(readonly system: SystemHarness) {
    this.redis = new Redis(system.redis.url);
  }

  /** Asks, and waits for the end of the answer.
   *  @returns the job's id */
  async ask(query: string): Promise<string> {
    const answer = await fetch(`${this.system.url}/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', prefer: 'wait=60' },
      body: JSON.stringify({ query }),
    });
    if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
    return ((await answer.json()) as { id: string }).id;
  }

  keyOf(id: string): string {
    return new KeySpace(this.system.env['MILLRACE_KEY_PREFIX'] ?? '').record(jobRef('default', id));
  }

  async left(id: string): Promise<void> {
    await eventually(async () => (await this.redis.exists(this.keyOf(id))) === 0, PATIENT);
  }

  async text(path: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
    const answer = await fetch(`${this.system.url}${path}`, { headers });
    return `${answer.status}\n${await answer.text()}`;
  }

  /** What clients of several protocols get of a job. */
  async answers(id: string): Promise<string[]> {
    return [
      await this.text(`/jobs/${id}`),
      await this.text(`/jobs/${id}/stream`),
      await this.text(`/jobs/${id}/stream`, { 'last-event-id': '1-1' }),
      await this.text(`/jobs/${id}/stream`, { accept: 'text/plain' }),
      await this.text(`/v1/responses/${id}`),
      await this.text(`/v1/responses/${id}?stream=true`),
    ];
  }
}

describe('with an archive in a folder, and encryption', () => {
  let parts: AsyncDisposableStack;
  let d: ArchivedSystem;
  let folder: string;
  beforeAll(async () => {
    parts = new AsyncDisposableStack();
    folder = await mkdtemp(join(tmpdir(), 'millrace-archive-'));
    parts.defer(() => rm(folder, { recursive: true, force: true }));
    const env = { ...RETENTION, MILLRACE_ARCHIVE: pathToFileURL(folder).href };
    d = new ArchivedSystem(parts.use(await SystemHarness.start({ env })));
    parts.defer(() => d.redis.disconnect());
  });
  afterAll(() => parts?.disposeAsync());

  it('a job leaves Redis, and is answered as before in every protocol', async () => {
    const id = await d.ask(`say ${WORD}`);
    const before = await d.answers(id);
    expect(before[0]).toContain('"status":"completed"');
    await d.left(id);
    expect(await wordsIn(d.system.redis.url, WORD)).toEqual([]);
    // nor has the folder what the answer says in the clear: it holds what Redis held
    const files = await readdir(folder, { recursive: true, withFileTypes: true });
    const contents = await Promise.all(
      files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name))),
    );
    expect(contents.length).toBeGreaterThan(1);
    expect(contents.filter((bytes) => gunzipSync(bytes).includes(WORD))).toEqual([]);
    expect(await d.answers(id)).toEqual(before);
    const { items } = JSON.parse((await d.text('/jobs?limit=100')).slice(4)) as { items: { id: string }[] };
    expect(items.filter((job) => job.id === id)).toHaveLength(1);
  });

  it('an erased job is not there any more', async () => {
    const id = await d.ask('hi');
    await d.left(id);
    expect((await fetch(`${d.system.url}/jobs/${id}/data`, { method: 'DELETE' })).status).toBe(204);
    for (const answer of await d.answers(id)) expect(answer).toMatch(/^404/);
    expect(await d.text('/jobs?limit=100')).not.toContain(id);
  });
});

describe('with an archive in PostgreSQL', () => {
  let parts: AsyncDisposableStack;
  let d: ArchivedSystem;
  let postgres: TestPostgres;
  let way: FaultProxy;
  beforeAll(async () => {
    parts = new AsyncDisposableStack();
    postgres = parts.use(await startPostgres());
    const url = new URL(postgres.url);
    way = parts.use(await startFaultProxy({ target: Number(url.port) }));
    url.port = String(way.port);
    const env = { ...RETENTION, MILLRACE_ARCHIVE: url.href };
    d = new ArchivedSystem(parts.use(await SystemHarness.start({ env, processes: 1 })));
    parts.defer(() => d.redis.disconnect());
  });
  afterAll(() => parts?.disposeAsync());

  it('that is restarted loses nothing', async () => {
    const ids = await Promise.all(Array.from({ length: 10 }, (_, nth) => d.ask(`${nth}`)));
    const [first = ''] = ids;
    const before = await d.answers(first);
    await postgres.restart();
    for (const id of ids) await d.left(id);
    expect(await d.answers(first)).toEqual(before);
  });

  it('that is away keeps jobs in Redis, and those that left are 503 until it is back', async () => {
    const left = await d.ask('before');
    await d.left(left);
    way.blackhole(true);
    try {
      const kept = await d.ask('meanwhile');
      const answer = await fetch(`${d.system.url}/jobs/${left}`);
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).not.toBeNull();
      expect(await d.redis.pttl(d.keyOf(kept))).toBeGreaterThan(3_600_000);
      way.heal();
      await d.left(kept);
      expect(await d.text(`/jobs/${kept}`)).toMatch(/^200/);
      expect(await d.text(`/jobs/${left}`)).toMatch(/^200/);
    } finally {
      way.heal();
    }
  });
});
