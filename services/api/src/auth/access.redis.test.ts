import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, readSse } from '@millrace/testing';
import type { FastifyRequest } from 'fastify';
import { Unauthenticated } from '../http/problem.ts';
import { ApiHarness, say, submit, type TestNode } from '../testing/api-harness.ts';
import type { Authenticator } from './authenticator.ts';
import type { Caller } from './caller.ts';
import type { Permission } from './permissions.ts';

const ALL: readonly Permission[] = [
  'job:create',
  'job:read',
  'job:watch',
  'job:cancel',
  'jobs:cancel',
  'tokens:manage',
  'data:erase',
  'keys:manage',
  'tenants:all',
];

/** Reads the caller from the header `x-api-key`: `<permission>,…` or `all`, and after `@` when it expires. */
class HeaderAuthenticator implements Authenticator {
  readonly asked: string[] = [];

  async authenticate({ method, url, headers }: FastifyRequest): Promise<Caller> {
    this.asked.push(`${method} ${url}`);
    await new Promise(setImmediate); // as one that asks a server
    const [names = '', expiresAt] = String(headers['x-api-key'] ?? '').split('@');
    if (names === '') throw new Unauthenticated();
    const permissions = new Set(names === 'all' ? ALL : (names.split(',') as Permission[]));
    return {
      tenant: 'default',
      role: 'user',
      subject: null,
      permissions,
      scope: null,
      credential: { id: null, expiresAt: expiresAt === undefined ? null : Number(expiresAt) },
    };
  }
}

let harness: ApiHarness;
let authenticator: HeaderAuthenticator;
let node: TestNode;

beforeAll(async () => {
  harness = await ApiHarness.start();
  authenticator = new HeaderAuthenticator();
  node = await harness.node({}, { authenticator });
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const as = (who: string) => ({ 'x-api-key': who });

/** Asks for each route with its own id, in a form that leaves jobs as they are where it can. */
const ROUTES: readonly [Permission, string, (path: string) => string][] = [
  ['job:create', 'POST', () => '/jobs'],
  ['job:create', 'POST', () => '/api/langchain'],
  ['job:read', 'GET', () => '/jobs'],
  ['job:read', 'GET', (id) => `/jobs/${id}`],
  ['job:watch', 'HEAD', (id) => `/jobs/${id}/stream`],
  ['job:cancel', 'DELETE', (id) => `/jobs/${id}`],
  ['jobs:cancel', 'DELETE', () => '/jobs?status=queued'],
];

describe('a route', () => {
  it.each(ROUTES)('that requires %s lets nobody else in: %s', async (permission, method, pathOf) => {
    const id = await submit(node, as('all'));
    const others = ALL.filter((other) => other !== permission).join(',');
    const body = method === 'POST' ? { body: '{"query":"hi"}' } : {};
    const ask = (who: string) => {
      const headers = { accept: 'application/json, text/event-stream', 'content-type': 'application/json', ...as(who) };
      return fetch(`${node.url}${pathOf(id)}`, { method, headers, ...body });
    };
    const refused = await ask(others);
    expect(refused.status).toBe(403);
    if (method !== 'HEAD') {
      expect(await refused.json()).toMatchObject({ code: 'FORBIDDEN', detail: expect.stringContaining(permission) });
    }
    expect((await ask('')).status).toBe(401);
    expect((await ask(permission)).ok).toBe(true);
  });

  it.each(['/healthz', '/readyz', '/metrics', '/openapi.json'])('that is public asks nobody: %s', async (path) => {
    authenticator.asked.length = 0;
    expect((await fetch(`${node.url}${path}`)).status).toBe(200);
    expect(authenticator.asked).toEqual([]);
  });
});

describe('the authenticator', () => {
  it('is asked once for each request, whether it has a body or not', async () => {
    const id = await submit(node, as('all'));
    authenticator.asked.length = 0;
    await submit(node, as('all'));
    await fetch(`${node.url}/jobs/${id}`, { headers: as('all') });
    await fetch(`${node.url}/jobs/${id}`, { method: 'DELETE', headers: as('all') });
    expect(authenticator.asked).toEqual(['POST /jobs', `GET /jobs/${id}`, `DELETE /jobs/${id}`]);
  });
});

describe('a caller of one tenant who may cancel many jobs', () => {
  it('cancels those of the own tenant only', async () => {
    const id = await submit(node, as('all'));
    const cancelAll = (query: string) =>
      fetch(`${node.url}/jobs?status=queued${query}`, { method: 'DELETE', headers: as('jobs:cancel') });
    expect((await cancelAll('&tenant=another')).status).toBe(403);
    expect(((await (await cancelAll('')).json()) as { cancelled: number }).cancelled).toBeGreaterThanOrEqual(1);
    const job = await fetch(`${node.url}/jobs/${id}`, { headers: as('all') });
    expect(await job.json()).toMatchObject({ status: 'cancelled' });
  });
});

describe('a credential that expires', () => {
  const closed = (jobId: string) =>
    node.log.filter(({ msg, requestId }) => msg === 'closed' && requestId === jobId).map(({ reason }) => reason);

  it('ends the stream that it opened, without a terminal event, and no other', async () => {
    const id = await submit(node, as('all'));
    const writer = await harness.begin(id);
    const url = `${node.url}/jobs/${id}/stream`;
    await using lasting = await readSse(url, { headers: as('job:watch') });
    const expiring = await readSse(url, { headers: as(`job:watch@${Date.now() + 500}`) });
    await say(writer, ['before']);
    expect(await expiring.ended).toBe('clean');
    expect(expiring.terminal()).toBeUndefined();
    await eventually(() => closed(id).length === 1);
    expect(closed(id)).toEqual(['expired']);
    await say(writer, [' after']);
    const whole = await lasting.take(4);
    // whoever comes back with another credential misses nothing
    const headers = { ...as('job:watch'), 'last-event-id': expiring.events.at(-1)?.id ?? '' };
    await using resumed = await readSse(url, { headers });
    const rest = await resumed.take(whole.length - expiring.events.length);
    expect([...expiring.events, ...rest].map(({ id }) => id)).toEqual(whole.map(({ id }) => id));
  });

  it('breaks plain text off, which has no other way to say that there is more', async () => {
    const id = await submit(node, as('all'));
    await harness.begin(id);
    const headers = { accept: 'text/plain', ...as(`job:watch@${Date.now() + 300}`) };
    const text = fetch(`${node.url}/jobs/${id}/stream`, { headers }).then((answer) => answer.text());
    await expect(text).rejects.toThrow();
    await eventually(() => closed(id).includes('expired'));
  });

  it('ends a wait for the finished job', async () => {
    const answer = await fetch(`${node.url}/jobs`, {
      method: 'POST',
      headers: {
        ...as(`job:create@${Date.now() + 300}`),
        ...{ 'content-type': 'application/json', accept: 'application/json', prefer: 'wait=600' },
      },
      body: '{"query":"hi"}',
    });
    expect([answer.status, answer.headers.get('preference-applied')]).toEqual([202, 'wait=0']);
  });
});
