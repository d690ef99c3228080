import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { eventually, spawnService } from '@millrace/testing';
import { Redis } from 'ioredis';
import { SystemHarness } from './system-harness.ts';

const KMS_MODULE = new URL('encryption-kms/kms.mjs', import.meta.url).pathname;

function masterKey(id: string): string {
  return `${id}:${randomBytes(32).toString('base64')}`;
}

/** Keeps data keys as a key management service does, one pad for each tenant. */
class Kms implements AsyncDisposable {
  isAway = false;
  asked = 0;
  readonly #pads = new Map<string, Buffer>();
  readonly #server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    this.asked += 1;
    const tenant = new URL(request.url ?? '', 'http://kms').searchParams.get('tenant') ?? '';
    const pad = this.#pads.get(tenant) ?? randomBytes(32);
    this.#pads.set(tenant, pad);
    const bytes = Buffer.concat(chunks).map((byte, place) => byte ^ (pad[place] ?? 0));
    response.writeHead(this.isAway ? 503 : 200).end(this.isAway ? '' : bytes);
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return String((this.#server.address() as AddressInfo).port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const JSON_TYPES = { 'content-type': 'application/json', accept: 'application/json' };

function post(system: SystemHarness, query: string, headers = {}): Promise<Response> {
  return fetch(`${system.url}/jobs`, {
    method: 'POST',
    headers: { ...JSON_TYPES, ...headers },
    body: JSON.stringify({ query, metadata: { note: query } }),
  });
}

/** A job that has ended, unless no node answers now. */
async function endedJob(system: SystemHarness, id: string): Promise<Record<string, unknown> | undefined> {
  const job = await system.job(id);
  return ['completed', 'failed', 'cancelled'].includes(String(job['status'])) ? job : undefined;
}

/** Both nodes may be out of the proxy’s sight for a moment. */
function unlessNodesRestart(error: Error): undefined {
  if (!error.message.includes('No API node answers')) throw error;
}

async function finished(system: SystemHarness, query: string, headers = {}): Promise<string> {
  const { id } = (await (await post(system, query, headers)).json()) as { id: string };
  await eventually(async () => {
    const { status } = (await (await fetch(`${system.url}/jobs/${id}`, { headers })).json()) as { status: string };
    return status === 'completed';
  });
  return id;
}

type KeySettings = Readonly<Record<'MILLRACE_ENCRYPTION_KEYS' | 'MILLRACE_ENCRYPTION_KMS', string>>;

/** Restarts all processes of a system with one setting after the other, one process at a time, while callers ask.
 *  @param steps the third is the first in which the old key wraps nothing
 *  @param old id of the key that goes */
async function changeKeys(system: SystemHarness, steps: readonly Partial<KeySettings>[], old: string): Promise<void> {
  system.model.answer(['an ', 'answer']);
  const first = await finished(system, 'first');
  let isOver = false;
  const wrong: string[] = [];
  let asked = 0;
  const traffic = (async () => {
    while (!isOver) {
      asked += 1;
      const stream = await eventually(() => system.ask('traffic').catch(unlessNodesRestart));
      await stream.collect();
      // its node may have been restarted
      const id = stream.response.headers.get('x-request-id') ?? '';
      const { status, text } = await eventually(() => endedJob(system, id));
      if (status !== 'completed' || text !== 'an answer') wrong.push(`${status}: ${text}`);
    }
  })();
  const isUnused = ({ msg, masterKeys }: { msg?: string; masterKeys?: unknown }) =>
    msg === 'master keys wrap no data key' && String(masterKeys) === old;
  for (const [place, env] of steps.entries()) {
    if (place === 2) await Promise.any(system.apis.map((api) => api.logged(isUnused)));
    for (const service of [...system.apis, ...system.workers]) await system.restart(service, env);
  }
  isOver = true;
  await traffic;
  expect(wrong).toEqual([]);
  expect(asked).toBeGreaterThan(3);
  for (const api of system.apis) {
    const answer = await (await fetch(`${api.url}/jobs/${first}`)).json();
    expect(answer).toMatchObject({ text: 'an answer', metadata: { note: 'first' } });
  }
}

describe('master keys', () => {
  it('are changed under traffic, and a service tells when the old one may go', async () => {
    const [old, next] = [masterKey('old'), masterKey('next')];
    await using system = await SystemHarness.start({
      env: { MILLRACE_ENCRYPTION_KEYS: old, MILLRACE_SWEEP_MS: '1000' },
    });
    // known everywhere before anybody uses it
    const steps = [`${old},${next}`, `${next},${old}`, next];
    await changeKeys(
      system,
      steps.map((keys) => ({ MILLRACE_ENCRYPTION_KEYS: keys })),
      'old',
    );
  }, 900_000);

  const own = masterKey('own');
  const withKms = (...keys: string[]) => ({
    MILLRACE_ENCRYPTION_KEYS: keys.join(),
    MILLRACE_ENCRYPTION_KMS: KMS_MODULE,
  });
  const withoutKms = { MILLRACE_ENCRYPTION_KEYS: own, MILLRACE_ENCRYPTION_KMS: '' };
  it.each([
    ['give way to a key management service', withoutKms, [withKms(own, 'kms'), withKms('kms', own), withKms()], 'own'],
    [
      'take the place of a key management service',
      withKms(),
      [withKms('kms', own), withKms(own, 'kms'), withoutKms],
      'kms',
    ],
  ])(
    '%s, under traffic',
    async (_, before, steps, old) => {
      await using kms = new Kms();
      await using system = await SystemHarness.start({
        env: { ...before, MILLRACE_SWEEP_MS: '1000', KMS_PORT: await kms.start() },
      });
      await changeKeys(system, steps, old);
      expect(kms.asked).toBeGreaterThan(0);
    },
    900_000,
  );

  it('that are missing, or are others, keep a service from starting, by name', async () => {
    await using system = await SystemHarness.start({
      env: { MILLRACE_ENCRYPTION_KEYS: masterKey('m1') },
      processes: 1,
    });
    system.model.answer(['an answer']);
    await finished(system, 'a job');
    const starting = (name: 'api' | 'worker', keys: string) =>
      spawnService(name, { ...system.envOf(name), MILLRACE_ENCRYPTION_KEYS: keys });
    await expect(starting('api', masterKey('m2'))).rejects.toThrow('MILLRACE_ENCRYPTION_KEYS has no key \\"m1\\"');
    await expect(starting('worker', masterKey('m1'))).rejects.toThrow('does not unwrap the data key');
    await expect(starting('api', '')).rejects.toThrow('set MILLRACE_ENCRYPTION_KEYS');
  }, 900_000);
});

describe('the data key of a tenant', () => {
  it('goes with its data, and the next job has another', async () => {
    const keys = ['own:manager:the-secret-of-the-own-tenant', 'ops:admin:the-secret-of-an-admin'];
    await using system = await SystemHarness.start({
      env: {
        MILLRACE_ENCRYPTION_KEYS: masterKey('m1'),
        MILLRACE_AUTH: 'apikey',
        MILLRACE_API_KEYS: keys.join(),
      },
      processes: 1,
    });
    system.model.answer(['an answer']);
    const own = { 'x-api-key': 'the-secret-of-the-own-tenant' };
    const redis = new Redis(system.redis.url);
    const dataKey = () => redis.hget(`{${system.env['MILLRACE_KEY_PREFIX']}:encryption}:data-keys`, 'own');
    try {
      await finished(system, 'before', own);
      const before = await dataKey();
      expect(before).toMatch(/^[A-Za-z0-9_-]{8} m1 /);
      const erased = await fetch(`${system.url}/tenants/own/data`, {
        method: 'DELETE',
        headers: { 'x-api-key': 'the-secret-of-an-admin' },
      });
      expect(erased.status).toBe(204);
      expect(await dataKey()).toBeNull();
      const id = await finished(system, 'after', own);
      expect(await dataKey()).not.toBe(before);
      expect(await (await fetch(`${system.url}/jobs/${id}`, { headers: own })).json()).toMatchObject({
        text: 'an answer',
      });
    } finally {
      redis.disconnect();
    }
  }, 900_000);
});

describe('a key management service', () => {
  it('that is away makes the services refuse what needs it, and harms nothing else', async () => {
    await using kms = new Kms();
    const port = await kms.start();
    const keys = ['one:user:the-secret-of-tenant-one', 'two:user:the-secret-of-tenant-two'];
    await using system = await SystemHarness.start({
      env: {
        ...{ MILLRACE_ENCRYPTION_KMS: KMS_MODULE, KMS_PORT: port, MILLRACE_ENCRYPTION_KEYS: '' },
        ...{ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: keys.join() },
      },
      processes: 1,
    });
    system.model.answer(['an answer']);
    const [one, two] = ['one', 'two'].map((tenant) => ({ 'x-api-key': `the-secret-of-tenant-${tenant}` }));
    const get = (path: string, headers = {}) =>
      fetch(`${system.url}${path}`, { headers: { ...JSON_TYPES, ...headers } });
    const [first] = await Promise.all([finished(system, 'first', one), finished(system, 'second', two)]);

    for (const service of [...system.apis, ...system.workers]) await system.restart(service);
    // of this tenant the new processes have the key by now
    await finished(system, 'third', two);
    kms.isAway = true;
    for (const refused of [
      get(`/jobs/${first}`, one),
      get(`/jobs/${first}/stream`, { ...one, accept: 'text/event-stream' }),
      post(system, 'refused', one),
    ]) {
      const answer = await refused;
      expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([503, 'UNAVAILABLE']);
    }
    expect(await (await get('/jobs', one)).json()).toMatchObject({
      items: [{ id: first, status: 'completed', error: { retryable: true } }],
    });
    await finished(system, 'fourth', two);
    const { asked } = kms;
    await finished(system, 'fifth', two);
    expect(kms.asked).toBe(asked);

    kms.isAway = false;
    const read = await eventually(async () => {
      const answer = await get(`/jobs/${first}`, one);
      return answer.ok ? ((await answer.json()) as object) : undefined;
    });
    expect(read).toMatchObject({ text: 'an answer', metadata: { note: 'first' } });
    await finished(system, 'sixth', one);
  }, 900_000);

  it('whose module lacks a function keeps a service from starting', async () => {
    await using system = await SystemHarness.start({ env: { MILLRACE_ENCRYPTION_KEYS: '' }, processes: 1 });
    const module = new URL('system-harness.ts', import.meta.url).pathname.replace(/[^/]+$/, 'no-such-kms.mjs');
    await expect(spawnService('api', { ...system.envOf('api'), MILLRACE_ENCRYPTION_KMS: module })).rejects.toThrow(
      'no-such-kms.mjs',
    );
  }, 900_000);
});
