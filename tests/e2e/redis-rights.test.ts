import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  eventually,
  newKeyPrefix,
  readSse,
  type ServiceName,
  startRedisCluster,
  startRedisProcess,
  type TestRedis,
} from '@millrace/testing';
import { Redis } from 'ioredis';
import { MillraceCommand } from './millrace-command.ts';
import { RedisUsers } from './redis-users.ts';
import { idOf, SystemHarness } from './system-harness.ts';

const SERVICES: readonly ServiceName[] = ['api', 'worker'];
const TIMEOUT_MS = 240_000;
const PATIENT = { timeoutMs: 60_000 };

/** Runs a callback as somebody, on a connection of its own. */
async function as<T>(url: string, run: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1 });
  redis.on('error', () => {
    // what `run` awaits is rejected with the same
  });
  try {
    return await run(redis);
  } finally {
    redis.disconnect();
  }
}

describe('a user of Redis', () => {
  let users: RedisUsers;
  let redis: TestRedis;
  beforeAll(async () => {
    users = await RedisUsers.of('mine');
    redis = await startRedisProcess(users.serverArgs);
  });
  afterAll(async () => {
    await redis?.stop();
    await users?.[Symbol.asyncDispose]();
  });

  const outcome = (name: ServiceName, ...[command, ...args]: [string, ...string[]]) =>
    as(users.urlOf(name, redis.url), (client) =>
      client.call(command, ...args).then(
        () => 'permitted',
        ({ message }: Error) => message.split(' ')[0],
      ),
    );

  it.each(SERVICES)('%s sees, changes and disturbs nothing of the server', async (name) => {
    const refused: [string, ...string[]][] = [
      ['KEYS', '*'],
      // the API looks for what an erased tenant has left: it may read names, not what they hold
      ...(name === 'api' ? [] : ([['SCAN', '0']] satisfies [string, string][])),
      ['RANDOMKEY'],
      ['DBSIZE'],
      ['CONFIG', 'GET', '*'],
      ['CONFIG', 'SET', 'dir', '/tmp'],
      ['FLUSHALL'],
      ['FLUSHDB'],
      ['SWAPDB', '0', '1'],
      ['SCRIPT', 'FLUSH'],
      ['SCRIPT', 'KILL'],
      ['FUNCTION', 'LIST'],
      ['SHUTDOWN'],
      ['SAVE'],
      ['BGREWRITEAOF'],
      ['REPLICAOF', 'NO', 'ONE'],
      ['MODULE', 'LIST'],
      ['MONITOR'],
      ['SLOWLOG', 'GET'],
      ['CLIENT', 'LIST'],
      ['CLIENT', 'KILL', 'TYPE', 'normal'],
      ['CLIENT', 'PAUSE', '1'],
      ['ACL', 'LIST'],
      ['ACL', 'SETUSER', `millrace-${name}`, '+@all'],
      ['CLUSTER', 'NODES'],
      ['MIGRATE', '127.0.0.1', '1', 'mine:{a}:record', '0', '1'],
      ['DUMP', 'mine:{a}:record'],
      ['SORT', 'mine:{a}:record'],
      ['PUBSUB', 'CHANNELS'],
    ];
    for (const command of refused) {
      expect([command, await outcome(name, ...command)]).toEqual([command, 'NOPERM']);
    }
    // not even the admin may, by Redis's own settings
    expect(await outcome(name, 'DEBUG', 'SLEEP', '0')).not.toBe('permitted');
    // a script has no more rights than its user
    const script = "return redis.call('KEYS', '*')";
    expect(await outcome(name, 'EVAL', script, '0')).not.toBe('permitted');
  });

  it.each(SERVICES)('%s reaches no key and no channel of another prefix', async (name) => {
    for (const key of [
      'other:{a}:record',
      '{other:registry}:open',
      'mine2:{a}:record',
      '{mine2:queue}:jobs:id',
      'mine',
      'x',
    ]) {
      expect([key, await outcome(name, 'GET', key)]).toEqual([key, 'NOPERM']);
      expect([key, await outcome(name, 'SET', key, '1')]).toEqual([key, 'NOPERM']);
      expect([key, await outcome(name, 'EVAL', 'return 1', '1', key)]).toEqual([key, 'NOPERM']);
      expect([key, await outcome(name, 'PUBLISH', key, '')]).toEqual([key, 'NOPERM']);
      expect([key, await outcome(name, 'SUBSCRIBE', key)]).toEqual([key, 'NOPERM']);
    }
    expect(await outcome(name, 'GET', 'mine:{a}:record')).toBe('permitted');
  });

  it('the worker has nothing to do with the keys of callers, and follows no answer', async () => {
    for (const key of ['{mine:access}:keys', '{mine:access}:token-secret', 'mine:requests:acme']) {
      expect([key, await outcome('api', 'GET', key)]).toEqual([key, 'permitted']);
      expect([key, await outcome('worker', 'GET', key)]).toEqual([key, 'NOPERM']);
    }
    expect(await outcome('worker', 'HGET', '{mine:encryption}:data-keys', 'acme')).toBe('permitted');
    expect(await outcome('worker', 'HDEL', '{mine:encryption}:data-keys', 'acme')).toBe('NOPERM');
    expect(await outcome('worker', 'SUBSCRIBE', 'mine:{a}:live')).toBe('NOPERM');
  });

  it('nobody gets in without a password', async () => {
    const wrong = redis.url.replace('://', '://millrace-api:wrong@');
    expect(await as(wrong, (client) => client.ping().catch(({ message }: Error) => message))).toMatch(
      /^(WRONGPASS|Connection)/,
    );
  });

  it.each(SERVICES)('%s may do what the doctor looks for', async (name) => {
    const looking = ['doctor', '--json', '--quick', '--key-prefix', 'mine', '--redis', users.urlOf(name, redis.url)];
    const looked = await MillraceCommand.run('http://127.0.0.1:9', looking);
    const findings = looked.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { about: string });
    expect(findings).toContainEqual({ verdict: 'ok', about: 'redis: rights', says: `user millrace-${name}` });
  });
});

const ADMIN = 'the-secret-of-root';
const TENANT = 'the-secret-of-acme';

describe.each(['one server', 'a cluster'])('a whole life on %s', (place) => {
  let parts: AsyncDisposableStack;
  let system: SystemHarness;
  let servers: readonly TestRedis[];
  let webhookUrl: string;
  const told: string[] = [];

  beforeAll(async () => {
    parts = new AsyncDisposableStack();
    const receiver = createServer((request, response) => {
      request.resume().on('end', () => {
        told.push(request.url ?? '');
        response.writeHead(204).end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    parts.defer(() => void receiver.close().closeAllConnections());
    webhookUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
    const users = parts.use(await RedisUsers.of(newKeyPrefix()));
    const cluster = place === 'a cluster' ? parts.use(await startRedisCluster({ serverArgs: users.serverArgs })) : null;
    system = parts.use(
      await SystemHarness.start({
        env: {
          MILLRACE_AUTH: 'apikey',
          MILLRACE_API_KEYS: `root:admin:${ADMIN},acme:manager:${TENANT}`,
          MILLRACE_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 'x').toString('base64')}`,
          MILLRACE_WEBHOOK_ALLOW: '127.0.0.1',
          MILLRACE_SWEEP_MS: '500',
        },
        ...(cluster === null ? {} : { redis: { url: cluster.url, users } }),
      }),
    );
    servers = cluster === null ? [system.redis] : cluster.masters;
  }, TIMEOUT_MS);
  afterAll(() => parts?.disposeAsync(), TIMEOUT_MS);

  async function ask(method: string, path: string, body?: object, key = TENANT): Promise<Record<string, unknown>> {
    const headers = { 'x-api-key': key, accept: 'application/json', 'content-type': 'application/json' };
    const answer = await fetch(`${system.url}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {};
  }

  const statusOf = (id: string, key = TENANT) => ask('GET', `/jobs/${id}`, undefined, key).then(({ status }) => status);
  const create = async (body: object) => String((await ask('POST', '/jobs', body))['id']);

  /** What the users were refused since the server has started. CLIENT SETINFO and LIST are: nobody needs them. */
  async function denied(): Promise<string[]> {
    const logs = await Promise.all(
      servers.map(({ url }) => as(url, async (redis) => (await redis.call('ACL', 'LOG', '100')) as unknown[])),
    );
    return logs
      .flat()
      .map((entry) => JSON.stringify(entry))
      .filter((entry) => !/client\|(setinfo|list)/.test(entry));
  }

  /** Removes a job from BullMQ's queue, as a Redis that has lost its last writes would. */
  async function loseEntry(ref: string): Promise<void> {
    const entry = `{${system.env['MILLRACE_KEY_PREFIX']}:queue}:jobs:${ref}`;
    // all masters of a cluster but one refuse
    const removed = servers.map(({ url }) => as(url, (redis) => redis.del(entry).catch(() => 0)));
    expect(await Promise.all(removed)).toContain(1);
  }

  it(
    'is lived without a right that is missing',
    async () => {
      // an answer, and one that is cancelled while it waits for its time
      system.model.answer(['it', ' is'], { to: 'why' });
      const headers = { 'x-api-key': TENANT };
      const answer = await readSse(`${system.url}/jobs`, {
        body: { query: 'why', webhook: `${webhookUrl}/told` },
        headers: { ...headers, 'idempotency-key': 'once' },
      });
      await answer.ended;
      const id = idOf(answer);
      const later = await create({ query: 'later', delayMs: 600_000 });
      await ask('DELETE', `/jobs/${later}`);
      const gate = system.model.gated({ to: 'at length' });
      const long = await create({ query: 'at length' });
      await gate.say('so far');
      await ask('DELETE', `/jobs/${long}`);
      expect([await statusOf(id), await statusOf(later), await statusOf(long)]).toEqual([
        'completed',
        'cancelled',
        'cancelled',
      ]);
      await eventually(() => told.includes('/told'), PATIENT);

      // a conversation, its fork, and what may watch it
      system.model.answer(['good', ' day'], { to: 'hello' });
      const { id: thread } = await ask('POST', '/threads', {});
      const turn = await create({ query: 'hello', threadId: thread });
      await eventually(async () => (await statusOf(turn)) === 'completed', PATIENT);
      await ask('GET', `/threads/${thread}/messages`);
      await ask('POST', `/threads/${thread}/fork`, {});
      const token = await ask('POST', '/tokens', { jobs: [turn], may: ['watch'], expiresInSeconds: 60 });
      await ask('DELETE', `/tokens/${token['id']}`);

      // operators
      await ask('PUT', '/tenants/acme/limits', { activeJobs: 3 }, ADMIN);
      const issued = await ask('POST', '/keys', { tenant: 'globex', role: 'user', name: 'a' }, ADMIN);
      await ask('DELETE', `/keys/${issued['id']}`, undefined, ADMIN);
      for (const path of ['/usage', '/workers', '/keys', '/console/jobs', '/console/tenants']) {
        await ask('GET', path, undefined, ADMIN);
      }
      await ask('GET', `/console/jobs/${id}`);
      const now = await readSse(`${system.url}/console/now`, { headers: { 'x-api-key': ADMIN } });
      await now.take(2);
      await now.close();

      // the queues' page: every route that it has
      const held = system.model.gated({ to: 'held' });
      const shown = await create({ query: 'held' });
      await held.say('so far');
      const entry = `jobs/acme.${shown}`;
      for (const path of [
        ...[
          'queues',
          'queues?activeQueue=jobs&status=active',
          'queues?activeQueue=webhooks&status=latest',
          'redis/stats',
        ],
        ...['job-schedulers', 'queues/jobs/metrics', 'queues/jobs/workers', 'queues/jobs/rate-limit'],
        ...['queues/jobs/default-job-options', `queues/${entry}`, `queues/${entry}/logs`, `queues/${entry}/flow`],
      ]) {
        const page = await fetch(`${system.url}/console/queues/api/${path}`, { headers: { 'x-api-key': ADMIN } });
        expect([path, page.status, await page.text()]).toEqual([path, 200, expect.anything()]);
      }

      // the sweep finds an entry that is lost
      await ask('POST', '/queue/pause', {}, ADMIN);
      system.model.answer(['found'], { to: 'lost' });
      const lost = await create({ query: 'lost' });
      await loseEntry(`acme.${lost}`);
      await ask('POST', '/queue/resume', {}, ADMIN);
      await eventually(async () => (await statusOf(lost)) === 'completed', PATIENT);

      // the end of everything of a tenant, whatever runs
      await ask('DELETE', '/tenants/acme/data', undefined, ADMIN);
      const gone = await fetch(`${system.url}/jobs/${id}`, { headers });
      await gone.body?.cancel();
      expect(gone.status).toBe(404);
      expect(await denied()).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it('survives that Redis forgets its scripts', async () => {
    for (const { url } of servers) await as(url, (redis) => redis.script('FLUSH'));
    system.model.answer(['again'], { to: 'again' });
    const id = await create({ query: 'again' });
    await eventually(async () => (await statusOf(id)) === 'completed', PATIENT);
    expect(await denied()).toEqual([]);
  });
});
