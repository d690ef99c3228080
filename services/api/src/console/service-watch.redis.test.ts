import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ProcessReports } from '@millrace/stream-log';
import { eventually, readSse, startRedis, type TestRedis } from '@millrace/testing';
import { ApiHarness, post, say, submit, type TestNode } from '../testing/api-harness.ts';
import type { ServiceView } from './service-figures.ts';

const ADMIN = { 'x-api-key': 'the-secret-of-the-admin' };
const ACME = { 'x-api-key': 'the-secret-of-acme' };
const ENV = {
  MILLRACE_AUTH: 'apikey',
  MILLRACE_API_KEYS:
    'root:admin:the-secret-of-the-admin,acme:user:the-secret-of-acme,globex:manager:the-secret-of-globex',
  MILLRACE_MAX_JOBS_PER_TENANT: '3',
};

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

type Watched = Awaited<ReturnType<typeof readSse>>;
const newest = (reader: Watched) => {
  const last = reader.events.findLast(({ event }) => event === 'service');
  return last === undefined ? null : (last.data as unknown as ServiceView);
};
const rowOf = (view: ServiceView | null, name: string) => view?.by.tenant.find((row) => row.name === name);

describe('watching the service', () => {
  it('shows on one node the streams of another, who waits, and whom that one refused', async () => {
    await using watcher = await readSse(`${node.url}/console/now`, { headers: ADMIN });
    await watcher.until(({ event }) => event === 'service');
    const id = await submit(other, ACME);
    await using _reader = await readSse(`${other.url}/jobs/${id}/stream`, { headers: ACME });
    for (let nth = 0; nth < 2; nth += 1) await submit(other, ACME, { query: 'hi', model: 'openai:gpt-4o-mini' });
    expect((await post(other, { query: 'one too many' }, { ...ACME, accept: 'application/json' })).status).toBe(429);
    await eventually(() => rowOf(newest(watcher), 'acme')?.refused429 === 1, { timeoutMs: 20_000 });
    await eventually(() => rowOf(newest(watcher), 'acme')?.streams === 1, { timeoutMs: 20_000 });
    const view = newest(watcher);
    expect(rowOf(view, 'acme')).toMatchObject({ queued: 3, active: 0, oldestWaitMs: expect.any(Number) });
    expect(view?.queue).toMatchObject({ paused: false, queued: 3, active: 0 });
    expect(view?.by.pipeline).toEqual([expect.objectContaining({ name: 'chat', queued: 3 })]);
    expect(view?.nodes).toHaveLength(2);

    const writer = await harness.begin(id, 'acme');
    await say(writer, ['one']);
    await eventually(() => newest(watcher)?.by.pipeline[0]?.active === 1, { timeoutMs: 20_000 });
  });

  it('looks only while somebody watches', async () => {
    const watched = () => harness.redis.exists(harness.keys.watched);
    {
      await using watcher = await readSse(`${node.url}/console/now`, { headers: ADMIN });
      await watcher.until(({ event }) => event === 'service');
      expect(await watched()).toBe(1);
    }
    // what processes were asked for ends by itself, five seconds after the last look
    await eventually(async () => (await watched()) === 0, { timeoutMs: 20_000 });
  });

  it('is for admins alone', async () => {
    for (const key of ['the-secret-of-acme', 'the-secret-of-globex']) {
      const refused = await fetch(`${node.url}/console/now`, { headers: { 'x-api-key': key } });
      expect(refused.status).toBe(403);
    }
    expect((await fetch(`${node.url}/console/now`)).status).toBe(401);
  });

  it('ends with the key that opened it', async () => {
    const made = await fetch(`${node.url}/keys`, {
      method: 'POST',
      headers: { ...ADMIN, 'content-type': 'application/json' },
      body: JSON.stringify({ tenant: 'root', role: 'admin' }),
    });
    const { id, key } = (await made.json()) as { id: string; key: string };
    await using watcher = await readSse(`${other.url}/console/now`, { headers: { 'x-api-key': key } });
    await watcher.until(({ event }) => event === 'service');
    await fetch(`${node.url}/keys/${id}`, { method: 'DELETE', headers: ADMIN });
    expect(await watcher.ended).toBe('clean');
  });

  it('says that Redis is away, and goes on when it is back', async () => {
    await using own = await startRedis();
    await using lone = new ApiHarness(own.url);
    const alone = await lone.node();
    await using watcher = await readSse(`${alone.url}/console/now`);
    await watcher.until(({ event }) => event === 'service');
    await own.kill();
    await watcher.until(({ event }) => event === 'unavailable');
    await own.start();
    const seen = watcher.events.length;
    await eventually(() => watcher.events.slice(seen).some(({ event }) => event === 'service'), { timeoutMs: 20_000 });
  });
});

describe('the queue and the workers', () => {
  const manage = (path: string, headers = ADMIN) => fetch(`${node.url}${path}`, { method: 'POST', headers });

  it('is paused and resumed by admins, which is audited', async () => {
    await using watcher = await readSse(`${other.url}/console/now`, { headers: ADMIN });
    expect((await manage('/queue/pause', ACME)).status).toBe(403);
    expect((await manage('/queue/pause')).status).toBe(204);
    await eventually(() => newest(watcher)?.queue.paused === true, { timeoutMs: 20_000 });
    expect((await manage('/queue/resume')).status).toBe(204);
    await eventually(() => newest(watcher)?.queue.paused === false, { timeoutMs: 20_000 });
    const audited = node.log.filter(({ audit }) => audit === true).map(({ action, by }) => ({ action, by }));
    const by = { tenant: 'root', role: 'admin', subject: null, credential: null };
    expect(audited).toContainEqual({ action: 'queue.pause', by });
    expect(audited).toContainEqual({ action: 'queue.resume', by });
  });

  it('lists workers, and tells one to take no more jobs', async () => {
    const reports = new ProcessReports(harness.redis, harness.keys);
    const id = crypto.randomUUID();
    const share = {
      ...{ tokensPerSecond: 0, firstTokens: {}, takeOvers: 0, refused429: 0, refused503: 0, running: 2, streams: 0 },
    };
    const report = {
      ...({ kind: 'worker', version: '1.2.3', host: 'h', startedAt: 1, state: 'running', slots: 5 } as const),
      ...{ total: share, by: { tenant: {}, model: {}, pipeline: {} }, quiet: [] },
    };
    await reports.report(id, report);
    const list = await fetch(`${node.url}/workers`, { headers: ADMIN });
    expect(await list.json()).toMatchObject({
      items: [{ id, version: '1.2.3', state: 'running', slots: 5, running: 2 }],
      nextCursor: null,
    });
    expect(await (await manage(`/workers/${id}/drain`)).json()).toMatchObject({ id, state: 'draining' });
    expect(await reports.report(id, report)).toMatchObject({ order: 'drain' });
    expect(await (await manage(`/workers/${id}/resume`)).json()).toMatchObject({ id, state: 'running' });
    expect(await reports.report(id, report)).toMatchObject({ order: null });
    expect((await manage(`/workers/${crypto.randomUUID()}/drain`)).status).toBe(404);
    expect((await manage('/workers/none/drain')).status).toBe(400);
    expect(node.log.filter(({ action }) => action === 'worker.drain')).toMatchObject([{ target: id }]);
  });
});
