import { hkdfSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newRequestId } from '@millrace/contracts';
import { eventually, readSse } from '@millrace/testing';
import { SignJWT } from 'jose';
import { ApiHarness, post, say, submit, type TestNode } from '../testing/api-harness.ts';

const KEY = { user: 'the-secret-of-a-user', manager: 'the-secret-of-a-manager', admin: 'the-secret-of-an-admin' };
const OTHER = 'the-secret-of-another-tenant';

let harness: ApiHarness;
let node: TestNode;
let second: TestNode;

beforeAll(async () => {
  const own = Object.entries(KEY).map(([role, secret]) => `own:${role}:${secret}`);
  const keys = [...own, `other:manager:${OTHER}`].join();
  harness = await ApiHarness.start({ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: keys });
  [node, second] = [await harness.node(), await harness.node()];
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const as = (secret: string) => ({ authorization: `Bearer ${secret}` });

function ask(path: string, init: RequestInit & { key?: string; body?: string } = {}): Promise<Response> {
  const { key, ...rest } = init;
  const headers = { 'content-type': 'application/json', accept: 'application/json', ...(key ? as(key) : {}) };
  return fetch(`${node.url}${path}`, { headers, ...rest });
}

interface Issued {
  readonly token: string;
  readonly id: string;
  readonly expiresAt: string;
}

async function token(body: object, key = KEY.manager): Promise<Issued> {
  const answer = await ask('/tokens', {
    key,
    method: 'POST',
    body: JSON.stringify({ may: ['watch'], expiresInSeconds: 600, ...body }),
  });
  expect([answer.status, answer.headers.get('cache-control')]).toEqual([201, 'no-store']);
  return (await answer.json()) as Issued;
}

const closedBecause = (at: TestNode, jobId: string) =>
  at.log.filter(({ msg, requestId }) => msg === 'closed' && requestId === jobId).map(({ reason }) => reason);

describe('a token', () => {
  it('watches its job, and no other', async () => {
    const [mine, yours] = [await submit(node, as(KEY.user)), await submit(node, as(KEY.user))];
    const { token: secret, expiresAt, id } = await token({ jobs: [mine] });
    expect(secret).toMatch(/^mrt_/);
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(Date.parse(expiresAt) - Date.now()).toBeGreaterThan(500_000);
    expect((await ask(`/jobs/${mine}`, { key: secret })).status).toBe(200);
    const refused = await ask(`/jobs/${yours}`, { key: secret });
    const unknown = await ask(`/jobs/${newRequestId()}`, { key: secret });
    expect([refused.status, unknown.status]).toEqual([404, 404]);
    await using stream = await readSse(`${second.url}/jobs/${mine}/stream?access_token=${secret}`);
    expect((await stream.take(1))[0]?.event).toBe('accepted');
    expect((await fetch(`${second.url}/jobs/${yours}/stream?access_token=${secret}`)).status).toBe(404);
  });

  it('does nothing else: no list, no cancel, no new job, no access', async () => {
    const mine = await submit(node, as(KEY.user));
    const { token: key } = await token({ jobs: [mine] });
    const calls: [string, RequestInit & { body?: string }][] = [
      ['/jobs', {}],
      ['/threads', {}],
      [`/jobs/${mine}`, { method: 'DELETE' }],
      ['/jobs?status=queued', { method: 'DELETE' }],
      ['/jobs', { method: 'POST', body: '{"query":"x"}' }],
      [
        '/v1/chat/completions',
        { method: 'POST', body: '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"x"}]}' },
      ],
      ['/threads', { method: 'POST', body: '{}' }],
      ['/tokens', { method: 'POST', body: '{}' }],
      ['/keys', {}],
    ];
    for (const [path, init] of calls) expect([path, (await ask(path, { key, ...init })).status]).toEqual([path, 403]);
  });

  it('that may cancel erases nothing', async () => {
    const mine = await submit(node, as(KEY.user));
    await ask(`/jobs/${mine}`, { key: KEY.user, method: 'DELETE' });
    const { token: key } = await token({ jobs: [mine], may: ['watch', 'cancel'] });
    for (const path of [
      `/jobs/${mine}/data`,
      `/v1/responses/resp_${mine}`,
      `/langgraph/threads/${mine}/runs/${mine}`,
    ]) {
      expect([path, (await ask(path, { key, method: 'DELETE' })).status]).toEqual([path, 403]);
    }
    expect((await ask(`/jobs/${mine}`, { key })).status).toBe(200);
  });

  it('cancels if it may', async () => {
    const mine = await submit(node, as(KEY.user));
    const { token: key } = await token({ jobs: [mine], may: ['watch', 'cancel'] });
    expect(await (await ask(`/jobs/${mine}`, { key, method: 'DELETE' })).json()).toMatchObject({ status: 'cancelled' });
  });

  it('creates jobs in its threads alone, if it may, and watches what becomes of them', async () => {
    const threadId = `thread-${newRequestId()}`;
    const { token: key } = await token({ threads: [threadId], may: ['watch', 'create'] });
    const create = (body: object) => post(node, { query: 'hi', ...body }, { accept: 'application/json', ...as(key) });
    const made = await create({ threadId });
    expect(made.status).toBe(202);
    const { id } = (await made.json()) as { id: string };
    expect((await ask(`/jobs/${id}`, { key })).status).toBe(200);
    expect((await ask(`/threads/${threadId}`, { key })).status).toBe(200);
    expect((await ask(`/threads/${threadId}`, { key, method: 'DELETE' })).status).toBe(403);
    for (const body of [{}, { threadId: `${threadId}-2` }]) {
      const refused = await create(body);
      expect([refused.status, await refused.json()]).toMatchObject([
        403,
        { detail: expect.stringContaining('threadId') },
      ]);
    }
    await using watched = await readSse(`${node.url}/threads/${threadId}/stream?access_token=${key}`);
    expect((await watched.take(1))[0]?.id).toContain(id);
    const other = await post(
      node,
      { query: 'x', threadId: `${threadId}-2` },
      { accept: 'application/json', ...as(KEY.user) },
    );
    expect(other.status).toBe(202);
    expect((await ask(`/threads/${threadId}-2`, { key })).status).toBe(404);
  });

  it('is of its tenant, whatever ids others have', async () => {
    const id = newRequestId();
    await submit(node, { ...as(KEY.user), 'x-request-id': id });
    const { token: theirs } = await token({ jobs: [id] }, OTHER);
    expect((await ask(`/jobs/${id}`, { key: theirs })).status).toBe(404);
    expect(
      (
        await ask('/tokens?tenant=own', {
          key: OTHER,
          method: 'POST',
          body: JSON.stringify({ jobs: [id], may: ['watch'], expiresInSeconds: 9 }),
        })
      ).status,
    ).toBe(403);
    const byAdmin = await ask('/tokens?tenant=other', {
      key: KEY.admin,
      method: 'POST',
      body: JSON.stringify({ jobs: [id], may: ['watch'], expiresInSeconds: 9 }),
    });
    expect(byAdmin.status).toBe(201);
  });

  it('is made by managers and admins', async () => {
    const body = JSON.stringify({ jobs: [newRequestId()], may: ['watch'], expiresInSeconds: 60 });
    const statusFor = async (key: string) => (await ask('/tokens', { key, method: 'POST', body })).status;
    expect([await statusFor(KEY.user), await statusFor(KEY.manager), await statusFor(KEY.admin)]).toEqual([
      403, 201, 201,
    ]);
  });

  it.each<[object, string]>([
    [{ jobs: [], threads: [] }, '/jobs'],
    [{ jobs: ['short'] }, '/jobs/0'],
    [{ may: ['cancel'] }, '/may'],
    [{ may: ['watch', 'rule'] }, '/may/1'],
    [{ may: ['watch', 'create'] }, '/threads'],
    [{ expiresInSeconds: 86_401 }, '/expiresInSeconds'],
    [{ expiresInSeconds: 0 }, '/expiresInSeconds'],
    [{ forever: true }, '/forever'],
  ])('is not made of %j', async (part, pointer) => {
    const body = JSON.stringify({ jobs: [newRequestId()], may: ['watch'], expiresInSeconds: 60, ...part });
    const answer = await ask('/tokens', { key: KEY.manager, method: 'POST', body });
    expect([answer.status, await answer.json()]).toMatchObject([400, { errors: [{ pointer }] }]);
  });

  it('ends the stream that it opened when it expires', async () => {
    const mine = await submit(node, as(KEY.user));
    await say(await harness.begin(mine, 'own'), ['so far']);
    const { token: secret } = await token({ jobs: [mine], expiresInSeconds: 2 });
    const stream = await readSse(`${node.url}/jobs/${mine}/stream?access_token=${secret}`);
    expect(await stream.ended).toBe('clean');
    expect(stream.terminal()).toBeUndefined();
    expect((await fetch(`${node.url}/jobs/${mine}/stream?access_token=${secret}`)).status).toBe(401);
  });

  it('ends on every node when it is revoked, and its streams with it, but no other', async () => {
    const mine = await submit(node, as(KEY.user));
    await say(await harness.begin(mine, 'own'), ['so far']);
    const [one, other] = [await token({ jobs: [mine] }), await token({ jobs: [mine] })];
    const streamOf = (at: TestNode, { token }: Issued) =>
      readSse(`${at.url}/jobs/${mine}/stream?access_token=${token}`);
    const revoked = [await streamOf(node, one), await streamOf(second, one)];
    await using lasting = await streamOf(second, other);
    const notMine = await ask(`/tokens/${one.id}`, { key: OTHER, method: 'DELETE' });
    expect(notMine.status).toBe(204); // it tells nobody which tokens there are
    expect((await ask(`/tokens/${one.id}`, { key: KEY.manager, method: 'DELETE' })).status).toBe(204);
    expect(await Promise.all(revoked.map(({ ended }) => ended))).toEqual(['clean', 'clean']);
    expect(revoked.map((stream) => stream.terminal())).toEqual([undefined, undefined]);
    for (const at of [node, second]) {
      await eventually(async () => (await fetch(`${at.url}/jobs/${mine}`, { headers: as(one.token) })).status === 401);
    }
    expect(closedBecause(second, mine)).toEqual(['expired']);
    expect((await fetch(`${second.url}/jobs/${mine}`, { headers: as(other.token) })).status).toBe(200);
    await lasting.take(1);
  });
});

describe('tokens that are revoked', () => {
  it('are bounded for each tenant, since all nodes keep them: 10,000 within a day', async () => {
    const tag = `{${harness.prefix}:access}`;
    const ids = Array.from({ length: 10_000 }, () => `own/${crypto.randomUUID()}`);
    const entries = ids.flatMap((id) => [Date.now() + 600_000, id]);
    await harness.redis
      .multi()
      .zadd(`${tag}:revoked`, ...entries)
      .incrby(`${tag}:version`, 77)
      .exec();
    const revoke = (id: string, key: string) => ask(`/tokens/${id}`, { key, method: 'DELETE' });
    let refused = await revoke(crypto.randomUUID(), KEY.manager);
    await eventually(async () => {
      refused = await revoke(crypto.randomUUID(), KEY.manager);
      return refused.status === 429;
    });
    expect(await refused.json()).toMatchObject({ code: 'RATE_LIMITED', detail: expect.stringContaining('10000') });
    expect([refused.headers.get('retry-after'), refused.headers.get('ratelimit')]).toEqual([
      '3600',
      '"revokedTokens";r=0',
    ]);
    expect((await revoke(ids[0]?.slice(4) ?? '', KEY.manager)).status).toBe(204);
    expect((await revoke(crypto.randomUUID(), OTHER)).status).toBe(204);
    await harness.redis
      .multi()
      .zrem(`${tag}:revoked`, ...ids)
      .incrby(`${tag}:version`, 78)
      .exec();
  });

  it('are refused, not failed on, with rights of a newer version', async () => {
    const secret = (await harness.redis.get(`{${harness.prefix}:access}:token-secret`)) ?? '';
    const key = new Uint8Array(hkdfSync('sha256', secret, '', harness.prefix, 32));
    const signed = await new SignJWT({ jobs: [], threads: ['t'], may: ['watch', 'annotate'] })
      .setProtectedHeader({ alg: 'HS256', typ: 'millrace-token+jwt' })
      .setJti(crypto.randomUUID())
      .setSubject('own')
      .setExpirationTime('10m')
      .sign(key);
    expect((await ask('/threads/t', { key: `mrt_${signed}` })).status).toBe(401);
  });
});

describe('a forged token', () => {
  it.each([
    [
      'of another deployment',
      async (own: ApiHarness, mine: string) => {
        await using stranger = new ApiHarness(own.redisUrl, own.env);
        const at = await stranger.node();
        const body = JSON.stringify({ jobs: [mine], may: ['watch'], expiresInSeconds: 60 });
        const answer = await fetch(`${at.url}/tokens`, {
          method: 'POST',
          body,
          headers: { ...as(KEY.manager), 'content-type': 'application/json' },
        });
        return ((await answer.json()) as Issued).token;
      },
    ],
    [
      'with another claim',
      async (_: ApiHarness, mine: string) => {
        const { token: secret } = await token({ jobs: [newRequestId()] });
        const [head, , signature] = secret.split('.');
        const claims = { jobs: [mine], threads: [], may: ['watch'], sub: 'own', jti: crypto.randomUUID(), exp: 9e9 };
        return [head, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
      },
    ],
    [
      'without a signature',
      async (_: ApiHarness, mine: string) => {
        const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
        const claims = { jobs: [mine], threads: [], may: ['watch'], sub: 'own', jti: crypto.randomUUID(), exp: 9e9 };
        return `mrt_${part({ alg: 'none', typ: 'millrace-token+jwt' })}.${part(claims)}.`;
      },
    ],
  ])('%s opens nothing', async (_, forge) => {
    const mine = await submit(node, as(KEY.user));
    const forged = await forge(harness, mine);
    expect((await ask(`/jobs/${mine}`, { key: forged })).status).toBe(401);
    expect((await fetch(`${node.url}/jobs/${mine}/stream?access_token=${forged}`)).status).toBe(401);
  });
});

describe('a URL', () => {
  it('carries tokens on streams only, and no keys', async () => {
    const mine = await submit(node, as(KEY.user));
    const { token: secret } = await token({ jobs: [mine], may: ['watch', 'cancel'] });
    expect((await ask(`/jobs/${mine}?access_token=${secret}`)).status).toBe(401);
    expect((await ask(`/jobs/${mine}?access_token=${secret}`, { method: 'DELETE' })).status).toBe(401);
    expect((await ask(`/jobs/${mine}/stream?access_token=${KEY.user}`)).status).toBe(401);
    expect((await ask(`/jobs/${mine}/stream?access_token=${secret}&access_token=${secret}`)).status).toBe(401);
    expect((await ask(`/jobs/${mine}/stream?access_token=${secret}`, { key: KEY.user })).status).toBe(401);
  });

  it('leaves no trace of a token in the log', async () => {
    const mine = await submit(node, as(KEY.user));
    const { token: secret } = await token({ jobs: [mine] });
    await (await readSse(`${node.url}/jobs/${mine}/stream?access_token=${secret}`))[Symbol.asyncDispose]();
    await eventually(() => closedBecause(node, mine).length === 1);
    expect(JSON.stringify(node.log)).not.toContain(secret.slice(4));
  });
});

describe('without keys', () => {
  it('a token still is for what it is for', async () => {
    const open = await harness.node({ MILLRACE_AUTH: 'none', MILLRACE_API_KEYS: '' });
    const [mine, yours] = [await submit(open), await submit(open)];
    const body = JSON.stringify({ jobs: [mine], may: ['watch'], expiresInSeconds: 60 });
    const made = await fetch(`${open.url}/tokens`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    });
    const { token: secret } = (await made.json()) as Issued;
    const statusOf = async (id: string) => (await fetch(`${open.url}/jobs/${id}`, { headers: as(secret) })).status;
    expect([await statusOf(mine), await statusOf(yours)]).toEqual([200, 404]);
    expect((await fetch(`${open.url}/jobs/${mine}`, { headers: as('sk-of-another-service') })).status).toBe(200);
  });
});

describe('a wait for a whole answer', () => {
  const key = async () => {
    const answer = await ask('/keys', { key: KEY.admin, method: 'POST', body: JSON.stringify({ tenant: 'own' }) });
    return (await answer.json()) as { id: string; key: string };
  };
  const withdraw = (id: string) => ask(`/keys/${id}`, { key: KEY.admin, method: 'DELETE', body: '{}' });

  it.each([
    ['/jobs', { query: 'hi' }, { prefer: 'wait=60' }],
    ['/v1/chat/completions', { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] }, {}],
  ])('ends with the credential that began it, on every node: POST %s', async (path, body, headers) => {
    const { id, key: secret } = await key();
    const jobId = newRequestId();
    const answer = fetch(`${second.url}${path}`, {
      method: 'POST',
      headers: {
        ...{ ...as(secret), ...headers, 'x-request-id': jobId },
        ...{ 'content-type': 'application/json', accept: 'application/json' },
      },
      body: JSON.stringify(body),
    });
    await eventually(async () => (await ask(`/jobs/${jobId}`, { key: KEY.admin })).status === 200);
    expect((await withdraw(id)).status).toBe(204);
    expect((await answer).status).toBe(401);
  });
});
