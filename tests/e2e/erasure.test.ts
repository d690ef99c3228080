import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jobRef } from '@millrace/contracts';
import { FairQueue, KeySpace } from '@millrace/stream-log';
import { eventually, startRedisCluster, type TestRedis, wordsIn } from '@millrace/testing';
import { Cluster, Redis } from 'ioredis';
import { SystemHarness } from './system-harness.ts';

const GRAPHS = fileURLToPath(new URL('counting-agent/langgraph.json', import.meta.url));
const SECRETS = {
  own: 'the-secret-of-the-own-tenant',
  other: 'the-secret-of-another-tenant',
  admin: 'the-secret-of-an-admin',
};

/** Words that no key of Redis may hold once what they came with is erased. */
const canary = (name: string) => `canary${name}canary`;

describe.each(['one server', 'a cluster'])('on %s', (place) => {
  let parts: AsyncDisposableStack;
  let system: SystemHarness;
  let servers: readonly TestRedis[];

  beforeAll(async () => {
    parts = new AsyncDisposableStack();
    const cluster = place === 'a cluster' ? parts.use(await startRedisCluster()) : null;
    const keys = [`own:manager:${SECRETS.own}`, `other:manager:${SECRETS.other}`, `ops:admin:${SECRETS.admin}`];
    system = parts.use(
      await SystemHarness.start({
        env: {
          ...{ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: keys.join(), MILLRACE_GRAPHS: GRAPHS, OPENAI_API_KEY: 'x' },
          // the words that are erased are to be seen before
          MILLRACE_ENCRYPTION_KEYS: '',
        },
        ...(cluster === null ? {} : { redis: cluster }),
      }),
    );
    servers = cluster === null ? [system.redis] : cluster.masters;
  });
  afterAll(() => parts?.disposeAsync());

  const ask = (path: string, init: RequestInit = {}, key = SECRETS.own) =>
    fetch(`${system.url}${path}`, {
      ...init,
      headers: { 'content-type': 'application/json', accept: 'application/json', 'x-api-key': key, ...init.headers },
    });

  async function create(body: object, key = SECRETS.own, headers = {}): Promise<string> {
    const answer = await ask('/jobs', { method: 'POST', body: JSON.stringify(body), headers }, key);
    if (!answer.ok) throw new Error(await answer.text());
    return ((await answer.json()) as { id: string }).id;
  }

  const ended = (id: string, key = SECRETS.own) =>
    eventually(async () => {
      const { status } = (await (await ask(`/jobs/${id}`, {}, key)).json()) as { status: string };
      return !['queued', 'active'].includes(status);
    });

  /** Whether any value or name in Redis has a word. */
  async function remains(word: string): Promise<string[]> {
    const found = await Promise.all(servers.map((server) => wordsIn(server.url, word)));
    return found.flat();
  }

  /** A client's own names for a job, of which Redis keeps the id. */
  const named = (name: string) => ({ 'x-request-id': canary(name), 'idempotency-key': canary(`${name}Key`) });

  /** Waits for the end of a job, and removes its record and what lists it, as its expiry and the sweep do. */
  async function expired(id: string): Promise<void> {
    await ended(id);
    const [{ url = '' } = {}] = servers;
    const redis = place === 'a cluster' ? new Cluster([url]) : new Redis(url);
    const keys = new KeySpace(system.env['MILLRACE_KEY_PREFIX'] ?? '');
    const limits = { logRetentionMs: 1, recordRetentionMs: 1, unfinishedRetentionMs: 1 };
    await redis.unlink(...keys.ofJob(jobRef('own', id)));
    await new FairQueue(redis, keys, limits).dropAdmission(jobRef('own', id), null);
    redis.disconnect();
  }

  it('the data of a job are gone when the answer comes, and it is not erased while it runs', async () => {
    system.model.answer([canary('Said')], { to: canary('Asked') });
    const body = { query: canary('Asked'), metadata: { note: canary('Noted') } };
    const id = await create(body, SECRETS.own, { 'idempotency-key': canary('Key') });
    await ended(id);
    expect(await remains(canary('Said'))).not.toEqual([]);
    const gate = system.model.gated({ to: 'a job that goes on' });
    const running = await create({ query: 'a job that goes on' });
    await gate.say('so far');
    const early = await ask(`/jobs/${running}/data`, { method: 'DELETE' });
    expect([early.status, await early.json()]).toMatchObject([409, { code: 'JOB_RUNNING' }]);
    expect((await ask(`/jobs/${id}/data`, { method: 'DELETE' }, SECRETS.other)).status).toBe(404);
    expect((await ask(`/jobs/${id}/data`, { method: 'DELETE' })).status).toBe(204);
    for (const name of ['Asked', 'Said', 'Noted', 'Key'])
      expect([name, await remains(canary(name))]).toEqual([name, []]);
    expect(await remains(id)).toEqual([]);
    expect((await ask(`/jobs/${id}`)).status).toBe(404);
    expect((await ask(`/jobs/${id}/data`, { method: 'DELETE' })).status).toBe(404);
    expect((await ask(`/jobs/${running}`, { method: 'DELETE' })).status).toBe(200);
    expect((await ask(`/jobs/${running}/data`, { method: 'DELETE' })).status).toBe(204);
  });

  it('a prompt is not kept beyond its job outside the thread', async () => {
    system.model.answer(['an answer'], { to: canary('Prompt') });
    await ended(await create({ query: canary('Prompt') }));
    await eventually(async () => (await remains(canary('Prompt'))).length === 0);
  });

  it('of a tenant nothing is left but sums, whatever runs, and of others everything', async () => {
    const threadId = `${canary('Thread')}`;
    system.model.answer(['expires'], { to: 'a job that expires' });
    for (const name of ['First', 'Second', 'Alone']) system.model.answer([canary(`${name}Said`)], { to: canary(name) });
    await ended(await create({ query: canary('First'), threadId }));
    await ended(await create({ query: canary('Alone'), metadata: { a: canary('Meta') } }));
    await ended(await create({ pipeline: 'counting', threadId: 'a-counting-one', input: {} }));
    await expired(await create({ query: 'a job that expires' }, SECRETS.own, named('Expired')));
    const theirs = await create({ query: canary('Alone') }, SECRETS.other);
    await ended(theirs, SECRETS.other);
    const gate = system.model.gated({ to: canary('Running') });
    const running = await create({ query: canary('Running'), threadId });
    await gate.say(canary('RunningSaid'));
    await create({ query: canary('Second'), threadId });
    await create({ query: canary('Later'), delayMs: 60_000 });
    // what comes meanwhile is erased too, or comes after
    const meanwhile = Array.from({ length: 20 }, (_, nth) =>
      create({ query: canary(`Meanwhile${nth}x`) }).catch(() => null),
    );
    expect((await ask('/tenants/own/data', { method: 'DELETE' })).status).toBe(403);
    const erased = await ask('/tenants/own/data', { method: 'DELETE' }, SECRETS.admin);
    expect([erased.status, await erased.text()]).toEqual([204, '']);
    const names = [
      'Expired',
      'Thread',
      'First',
      'FirstSaid',
      'Second',
      'AloneSaid',
      'Meta',
      'Running',
      'RunningSaid',
      'Later',
    ];
    const others = new Set(['AloneSaid']);
    for (const name of names.filter((each) => !others.has(each))) {
      expect([name, await remains(canary(name))]).toEqual([name, []]);
    }
    await Promise.all(meanwhile);
    expect((await ask('/tenants/own/data', { method: 'DELETE' }, SECRETS.admin)).status).toBe(204);
    // the name alone stays: in keys, limits, sums, and for a minute in the console's figures
    const lasting = /access|metrics|:usage:\d+$|:usage-tenants$|:reports$/;
    const left = (await remains('own')).filter((key) => !lasting.test(key));
    expect(left).toEqual([]);
    expect(await (await ask(`/jobs/${theirs}`, {}, SECRETS.other)).json()).toMatchObject({ text: canary('AloneSaid') });
    expect((await ask(`/jobs/${running}`)).status).toBe(404);
    // the tenant goes on
    system.model.answer(['again'], { to: 'after the erasure' });
    await ended(await create({ query: 'after the erasure', threadId }));
  });
});
