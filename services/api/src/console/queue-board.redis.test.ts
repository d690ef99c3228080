import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, startRedis, type TestRedis } from '@millrace/testing';
import { AccessKeys } from '../credentials/access-keys.ts';
import { ApiHarness, submit, type TestNode } from '../testing/api-harness.ts';

const KEY = { user: 'the-secret-of-a-user', manager: 'the-secret-of-a-manager', admin: 'the-secret-of-an-admin' };
const API_KEYS = Object.entries(KEY).map(([role, secret]) => `own:${role}:${secret}`);
const BOARD = '/console/queues/api/queues';

let redis: TestRedis;
let harness: ApiHarness;
let node: TestNode;
beforeAll(async () => {
  redis = await startRedis();
  const env = {
    MILLRACE_AUTH: 'apikey',
    MILLRACE_API_KEYS: API_KEYS.join(),
    MILLRACE_WEBHOOK_SECRET: `whsec_${'w'.repeat(32)}`,
  };
  harness = new ApiHarness(redis.url, env);
  node = await harness.node();
});
afterAll(async () => {
  await harness?.[Symbol.asyncDispose]();
  await redis?.stop();
});

const as = (key: string) => ({ 'x-api-key': key });
const ask = (path: string, headers: Record<string, string> = {}, at = node, method = 'GET') =>
  fetch(`${at.url}${path}`, { method, headers });
const statusOf = async (...request: Parameters<typeof ask>) => (await ask(...request)).status;

interface Session {
  readonly id: string;
  readonly cookie: string;
  readonly attributes: string;
  readonly expiresAt: string;
}

async function sessionOf(key: string, headers: Record<string, string> = {}): Promise<Session> {
  const answer = await ask('/console/session', { ...as(key), ...headers }, node, 'POST');
  expect([answer.status, answer.headers.get('cache-control')]).toEqual([201, 'no-store']);
  const [cookie = '', ...attributes] = (answer.headers.get('set-cookie') ?? '').split('; ');
  const { id, expiresAt } = (await answer.json()) as Session;
  return { id, cookie, attributes: attributes.join('; '), expiresAt };
}

describe('the queues in a browser', () => {
  it('open with the cookie that an admin gets, and show references alone', async () => {
    const id = await submit(node, as(KEY.user), {
      query: 'the-prompt-that-nobody-may-see',
      metadata: { a: 'a-canary' },
    });
    const { cookie } = await sessionOf(KEY.admin);
    const page = await ask('/console/queues', { cookie });
    const policy = page.headers.get('content-security-policy');
    expect([page.status, policy]).toEqual([200, expect.stringContaining("script-src 'self';")]);
    expect(await page.text()).not.toMatch(/(src|href)="(https?:)?\/\//);
    const queues = (await (await ask(`${BOARD}?activeQueue=jobs&status=prioritized`, { cookie })).json()) as {
      queues: { name: string; readOnlyMode: boolean }[];
    };
    expect(queues.queues).toMatchObject([
      { name: 'jobs', readOnlyMode: true },
      { name: 'webhooks', readOnlyMode: true },
    ]);
    expect(JSON.stringify(queues)).toContain(id);
    const job = await (await ask(`/console/queues/api/queues/jobs/own%2F${id}`, { cookie })).text();
    expect(JSON.stringify(queues) + job).not.toMatch(/the-prompt-that|a-canary/);
  });

  it('are for admins alone', async () => {
    for (const path of ['/console/queues', '/console/queues/', '/console/queues/queue/jobs', BOARD]) {
      expect([path, await statusOf(path)]).toEqual([path, 401]);
      expect([path, await statusOf(path, as(KEY.user))]).toEqual([path, 403]);
      expect([path, await statusOf(path, as(KEY.manager))]).toEqual([path, 403]);
      expect([path, await statusOf(path, as(KEY.admin))]).toEqual([path, 200]);
    }
    expect(await statusOf('/console/session', as(KEY.manager), node, 'POST')).toBe(403);
  });

  it('can be looked at and not changed', async () => {
    const { cookie } = await sessionOf(KEY.admin);
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      for (const path of [
        'jobs/pause',
        'jobs/empty',
        'jobs/obliterate',
        'pause',
        'jobs/retry/failed',
        'jobs/1/clean',
      ]) {
        const at = `/console/queues/api/queues/${path}`;
        const statuses = [
          await statusOf(at, { cookie }, node, method),
          await statusOf(at, as(KEY.admin), node, method),
        ];
        for (const status of statuses)
          expect([method, path, [401, 404, 405].includes(status)]).toEqual([method, path, true]);
      }
    }
  });

  it('open without set-up where nobody needs a key', async () => {
    await using open = new ApiHarness(redis.url);
    const here = await open.node();
    expect(await statusOf('/console/queues', {}, here)).toBe(200);
    // of another Millrace on this host, or of keys that there were
    expect(await statusOf('/console/queues', { cookie: 'millrace-console=stale' }, here)).toBe(200);
  });

  it('answer 503 while Redis is away, and go on afterwards', async () => {
    const { cookie } = await sessionOf(KEY.admin);
    await redis.kill();
    await eventually(async () => (await statusOf(BOARD, { cookie })) === 503, { timeoutMs: 20_000 });
    expect((await ask(BOARD, { cookie })).headers.get('content-type')).toBe('application/problem+json');
    await redis.start();
    await eventually(async () => (await statusOf(BOARD, { cookie })) === 200, { timeoutMs: 20_000 });
  });
});

describe('the session', () => {
  it('is a cookie that no script reads, for one path, and for no other site', async () => {
    const { attributes, cookie, expiresAt } = await sessionOf(KEY.admin);
    expect(attributes).toMatch(/^Max-Age=\d+; Path=\/console\/queues; HttpOnly; SameSite=Strict$/);
    expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(900_000);
    expect((await sessionOf(KEY.admin, { 'x-forwarded-proto': 'https' })).attributes).toContain('; Secure');
    expect(await statusOf(BOARD, { cookie, 'sec-fetch-site': 'cross-site' })).toBe(401);
    expect(await statusOf(BOARD, { cookie, 'sec-fetch-site': 'same-site' })).toBe(401);
    expect(await statusOf(BOARD, { cookie, 'sec-fetch-site': 'same-origin' })).toBe(200);
  });

  it('is no credential anywhere else', async () => {
    const { cookie } = await sessionOf(KEY.admin);
    const secret = cookie.split('=')[1] ?? '';
    for (const headers of [
      { cookie },
      { authorization: `Bearer ${secret}` },
      { authorization: `Bearer mrt_${secret}` },
    ]) {
      for (const path of ['/console/now', '/console/caller', '/jobs', '/keys', '/workers'])
        expect([path, await statusOf(path, headers)]).toEqual([path, 401]);
      expect(await statusOf('/console/session', headers, node, 'POST')).toBe(401);
    }
    const [head, body, signature = ''] = secret.split('.');
    const forged = `millrace-console=${head}.${body}.${signature.split('').reverse().join('')}`;
    expect(await statusOf(BOARD, { cookie: forged })).toBe(401);
  });

  it('ends when it is ended, and with the key that opened it', async () => {
    const { id, cookie } = await sessionOf(KEY.admin);
    const answer = await ask(`/console/session/${id}`, as(KEY.admin), node, 'DELETE');
    expect([answer.status, answer.headers.get('set-cookie')]).toEqual([204, expect.stringContaining('Max-Age=0')]);
    expect(await statusOf(BOARD, { cookie })).toBe(401);

    const second = await harness.node();
    const made = (await (
      await fetch(`${node.url}/keys`, {
        method: 'POST',
        headers: { ...as(KEY.admin), 'content-type': 'application/json' },
        body: JSON.stringify({ tenant: 'own', role: 'admin' }),
      })
    ).json()) as { id: string; key: string };
    const own = await sessionOf(made.key);
    expect(await statusOf(BOARD, { cookie: own.cookie }, second)).toBe(200);
    await ask(`/keys/${made.id}`, as(KEY.admin), node, 'DELETE');
    expect(await statusOf(BOARD, { cookie: own.cookie })).toBe(401);
    await eventually(async () => (await statusOf(BOARD, { cookie: own.cookie }, second)) === 401);
  });

  it('is in the audit log, when it is opened and when it is ended', async () => {
    const { id } = await sessionOf(KEY.admin);
    expect(await statusOf(`/console/session/${id}`, as(KEY.admin), node, 'DELETE')).toBe(204);
    const lines = node.log.filter(({ audit, target }) => audit === true && target === id);
    const by = { tenant: 'own', role: 'admin', subject: null, credential: null };
    expect(lines).toMatchObject([
      { action: 'session.open', tenant: 'own', by },
      { action: 'session.end', tenant: 'own', by },
    ]);
  });

  it('has no id that a token has: ending one does not shorten how long the other is revoked', async () => {
    const id = crypto.randomUUID();
    expect(await statusOf(`/tokens/${id}`, as(KEY.admin), node, 'DELETE')).toBe(204);
    const { revokedTokens } = new AccessKeys(harness.prefix);
    const until = await harness.redis.zscore(revokedTokens, `own/${id}`);
    expect(Number(until)).toBeGreaterThan(Date.now());
    expect(await statusOf(`/console/session/${id}`, as(KEY.admin), node, 'DELETE')).toBe(204);
    expect(await harness.redis.zscore(revokedTokens, `own/${id}`)).toBe(until);
  });

  it('does not outlive the keys of the settings', async () => {
    const { cookie } = await sessionOf(KEY.admin);
    const later = await harness.node({ MILLRACE_API_KEYS: 'own:admin:another-secret-of-an-admin' });
    expect(await statusOf(BOARD, { cookie }, later)).toBe(401);
  });
});
