import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, readSse } from '@millrace/testing';
import { ApiHarness, submit, type TestNode } from '../testing/api-harness.ts';

const KEY = { user: 'the-secret-of-a-user', manager: 'the-secret-of-a-manager', admin: 'the-secret-of-an-admin' };

let harness: ApiHarness;
let node: TestNode;
let second: TestNode;

beforeAll(async () => {
  const keys = Object.entries(KEY).map(([role, secret]) => `own:${role}:${secret}`);
  harness = await ApiHarness.start({ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: keys.join() });
  [node, second] = [await harness.node(), await harness.node()];
});
afterAll(() => harness?.[Symbol.asyncDispose]());

function ask(path: string, init: RequestInit = {}, key: string = KEY.admin, at = node): Promise<Response> {
  return fetch(`${at.url}${path}`, { ...init, headers: { 'content-type': 'application/json', 'x-api-key': key } });
}

interface Made {
  readonly id: string;
  readonly key: string;
}

async function make(body: object): Promise<Made> {
  const answer = await ask('/keys', { method: 'POST', body: JSON.stringify(body) });
  expect([answer.status, answer.headers.get('cache-control')]).toEqual([201, 'no-store']);
  return (await answer.json()) as Made;
}

const statusAt = async (at: TestNode, key: string) => (await ask('/jobs', {}, key, at)).status;
const listed = async () => ((await (await ask('/keys')).json()) as { items: (Made & Record<string, unknown>)[] }).items;

describe('an issued key', () => {
  it('opens on every node at once, with its role in its tenant', async () => {
    const { key, id } = await make({ tenant: 'new-tenant', role: 'manager', name: 'for the backend' });
    expect(key).toMatch(/^mrk_/);
    expect([await statusAt(second, key), await statusAt(node, key)]).toEqual([200, 200]);
    const job = await submit(second, { 'x-api-key': key });
    expect((await ask(`/jobs/${job}`, {}, KEY.user)).status).toBe(404);
    expect((await ask('/keys', {}, key)).status).toBe(403);
    expect(await listed()).toContainEqual(
      expect.objectContaining({ id, tenant: 'new-tenant', role: 'manager', name: 'for the backend', expiresAt: null }),
    );
  });

  it('is never shown again, and Redis has no more than its digest', async () => {
    const { key } = await make({ tenant: 'own' });
    const dump: string[] = [JSON.stringify(await listed()), JSON.stringify(node.log)];
    for (const name of await harness.redis.keys(`*${harness.prefix}:access*`)) {
      dump.push(JSON.stringify(await harness.redis.dump(name)));
    }
    expect(dump.join()).not.toContain(key.slice(4));
    expect(dump.join()).toContain('digest');
  });

  it('that this version cannot read opens nothing, and stops no other from being made or deleted', async () => {
    const name = `{${harness.prefix}:access}:keys`;
    await harness.redis.hset(
      name,
      'of-a-newer-version',
      '{"digest":"x","tenant":"own","role":"auditor"}',
      'no-json',
      '{',
    );
    const { key, id } = await make({ tenant: 'own' });
    expect([await statusAt(second, key), await statusAt(node, key)]).toEqual([200, 200]);
    expect((await listed()).map((each) => each.id)).not.toContain('of-a-newer-version');
    expect((await ask(`/keys/${id}`, { method: 'DELETE' })).status).toBe(204);
    await eventually(async () => (await statusAt(second, key)) === 401);
    expect(node.log).toContainEqual(expect.objectContaining({ level: 'warn', id: 'no-json' }));
    await harness.redis.hdel(name, 'of-a-newer-version', 'no-json');
  });

  it('has a version that never comes again, also after Redis has lost it: no node keeps an old copy', async () => {
    const version = `{${harness.prefix}:access}:version`;
    const versionAfterLoss = async () => {
      await harness.redis.del(version);
      await make({ tenant: 'own' });
      return harness.redis.get(version);
    };
    expect(await versionAfterLoss()).not.toBe(await versionAfterLoss());
  });

  it('remembers when it was last used', async () => {
    const { key, id } = await make({ tenant: 'own' });
    const use = async () => (await listed()).find((each) => each.id === id)?.['lastUsedAt'];
    expect(await use()).toBeNull();
    await statusAt(node, key);
    expect(Date.parse(String(await use()))).toBeGreaterThan(Date.now() - 60_000);
  });

  it('holds on no node when it is deleted, and the streams that it opened end', async () => {
    const [{ key, id }, other] = [await make({ tenant: 'own' }), await make({ tenant: 'own' })];
    const job = await submit(node, { 'x-api-key': key });
    const opened = (secret: string) =>
      readSse(`${second.url}/jobs/${job}/stream`, { headers: { 'x-api-key': secret } });
    const stream = await opened(key);
    await using lasting = await opened(other.key);
    expect((await ask(`/keys/${id}`, { method: 'DELETE' })).status).toBe(204);
    expect(await stream.ended).toBe('clean');
    for (const at of [node, second]) await eventually(async () => (await statusAt(at, key)) === 401);
    expect((await ask(`/keys/${id}`, { method: 'DELETE' })).status).toBe(404);
    expect(await statusAt(second, other.key)).toBe(200);
    await lasting.take(1);
  });

  it('ends by itself if it is to', async () => {
    const { key } = await make({ tenant: 'own', expiresInSeconds: 1 });
    expect(await statusAt(second, key)).toBe(200);
    await eventually(async () => (await statusAt(second, key)) === 401);
  });

  it.each<[object, string]>([
    [{}, '/tenant'],
    [{ tenant: 'a b' }, '/tenant'],
    [{ tenant: 'own', role: 'root' }, '/role'],
    [{ tenant: 'own', key: 'my-own-choice' }, '/key'],
    [{ tenant: 'own', expiresInSeconds: 0 }, '/expiresInSeconds'],
  ])('is not made of %j', async (body, pointer) => {
    const answer = await ask('/keys', { method: 'POST', body: JSON.stringify(body) });
    expect([answer.status, await answer.json()]).toMatchObject([400, { errors: [{ pointer }] }]);
  });

  it('is the business of admins', async () => {
    const body = JSON.stringify({ tenant: 'own', role: 'admin' });
    for (const key of [KEY.user, KEY.manager]) {
      expect((await ask('/keys', { method: 'POST', body }, key)).status).toBe(403);
    }
  });
});

describe('the audit log', () => {
  it('says who made and deleted what, and no secret', async () => {
    const { id, key } = await make({ tenant: 'audited', role: 'user' });
    await ask(`/keys/${id}`, { method: 'DELETE' });
    const lines = node.log.filter((line) => line['audit'] === true && line['target'] === id);
    const by = { tenant: 'own', role: 'admin', subject: null, credential: null };
    expect(lines).toMatchObject([
      { action: 'key.create', by, tenant: 'audited', details: { role: 'user' } },
      { action: 'key.delete', by, tenant: 'audited' },
    ]);
    expect(JSON.stringify(node.log)).not.toContain(key.slice(4));
  });
});

describe('whoever guesses', () => {
  it('has to wait after a while, by address; a key that was right lately passes', async () => {
    const fresh = await harness.node();
    const tryFrom = async (address: string, key: string) => {
      const answer = await fetch(`${fresh.url}/jobs`, { headers: { 'x-api-key': key, 'x-forwarded-for': address } });
      return [answer.status, answer.headers.get('retry-after')] as const;
    };
    const guess = (nth: number) => tryFrom('203.0.113.9', `a-wrong-guess-number-${nth}`);
    expect(await tryFrom('203.0.113.9', KEY.user)).toEqual([200, null]);
    for (let nth = 0; nth < 60; nth += 1) expect(await guess(nth)).toEqual([401, null]);
    expect(await guess(60)).toEqual([429, expect.stringMatching(/^\d+$/)]);
    expect((await tryFrom('203.0.113.9', KEY.manager))[0]).toBe(429); // right, but this node has not seen it
    expect(await tryFrom('203.0.113.9', KEY.user)).toEqual([200, null]);
    expect(await tryFrom('203.0.113.10', KEY.manager)).toEqual([200, null]);
  });

  it('has no more tries from other addresses of a network of IPv6', async () => {
    const fresh = await harness.node();
    const tryFrom = async (address: string) =>
      (await fetch(`${fresh.url}/jobs`, { headers: { 'x-api-key': 'wrong-wrong-wrong', 'x-forwarded-for': address } }))
        .status;
    for (let nth = 0; nth < 60; nth += 1) expect(await tryFrom(`2001:db8::${nth.toString(16)}`)).toBe(401);
    expect(await tryFrom('2001:db8:0:0:ffff::1')).toBe(429);
    expect(await tryFrom('2001:db8:0:1::1')).toBe(401);
  });
});
