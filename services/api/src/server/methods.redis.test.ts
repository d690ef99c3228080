import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { rawRequest } from '@millrace/testing';
import { ApiHarness, finish, post, refOf, submit, type TestNode } from '../testing/api-harness.ts';

let harness: ApiHarness;
let node: TestNode;
let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-page-'));
  await writeFile(join(root, 'index.html'), '<title>Millrace</title>');
  harness = await ApiHarness.start({ MILLRACE_WEB_ROOT: root });
  node = await harness.node();
});
afterAll(async () => {
  await harness?.[Symbol.asyncDispose]();
  await rm(root, { recursive: true });
});

const UNKNOWN = 'a-job-that-nobody-has';

describe('HEAD', () => {
  it.each([
    '/healthz',
    '/readyz',
    '/metrics',
    '/openapi.json',
    '/docs',
    '/',
    '/index.html',
    '/jobs',
    `/jobs/${UNKNOWN}`,
  ])('says of %s what GET would, without the body', async (path) => {
    const [got, head] = [await rawRequest(`${node.url}${path}`), await headOf(path)];
    expect([head.status, head.headers['content-type']]).toEqual([got.status, got.headers['content-type']]);
    expect(head.bytes).toHaveLength(0);
    // what changes from one answer to the next has another length
    if (path !== '/metrics') expect(head.headers['content-length']).toBe(got.headers['content-length']);
  });

  it('answers for a job like GET', async () => {
    const id = await submit(node);
    const head = await headOf(`/jobs/${id}`);
    expect([head.status, head.headers['x-request-id'], head.bytes.length]).toEqual([200, id, 0]);
  });

  it.each(['', '?include=text,messages', '?include='])(
    'never names another length for a job than GET: %s',
    async (query) => {
      const id = await submit(node);
      const lengths = async () => {
        const [got, head] = [await rawRequest(`${node.url}/jobs/${id}${query}`), await headOf(`/jobs/${id}${query}`)];
        expect(head.headers['content-type']).toBe(got.headers['content-type']);
        return [head.headers['content-length'], String(got.bytes.length)];
      };
      const [queued, all] = await lengths();
      expect(queued).toBe(all);
      await harness.answer(id, ['an answer']);
      const [named, real] = await lengths();
      // a length that only the log can tell is left out
      expect(named).toBe(query === '?include=' ? real : undefined);
    },
  );
});

describe('HEAD on a stream', () => {
  it('has the headers of the stream, ends at once, and leaves nothing attached', async () => {
    const id = await submit(node);
    const writer = await harness.begin(id);
    for (const accept of ['text/event-stream', 'text/plain']) {
      const head = await headOf(`/jobs/${id}/stream`, { accept });
      expect(head).toMatchObject({ status: 200, end: 'clean', bytes: Buffer.alloc(0) });
      expect(head.headers['content-type']).toContain(accept);
      expect(head.headers).toMatchObject({
        'cache-control': 'no-cache, no-transform',
        'x-accel-buffering': 'no',
        'x-request-id': id,
        location: `/jobs/${id}`,
      });
      expect(head.headers['content-length']).toBeUndefined();
    }
    expect(await openStreams()).toBe(0);
    expect(node.log.filter(({ msg }) => msg === 'attached')).toEqual([]);
    await finish(writer);
  });

  it('does not keep a job alive', async () => {
    const answer = await post(node, { query: 'x', onDisconnect: 'cancel' });
    const id = answer.headers.get('x-request-id') ?? '';
    await headOf(`/jobs/${id}/stream`);
    expect(await openStreams()).toBe(1);
    await answer.body?.cancel();
  });

  it('has the status of GET', async () => {
    const id = await submit(node);
    await harness.answer(id, ['an answer']);
    const { lastEventId } = (await (await fetch(`${node.url}/jobs/${id}`)).json()) as { lastEventId: string };
    const statuses = async (path: string, headers: Record<string, string> = {}) => {
      const [got, head] = [await fetch(`${node.url}${path}`, { headers }), await headOf(path, headers)];
      await got.body?.cancel();
      expect(head.bytes).toHaveLength(0);
      return [got.status, head.status];
    };
    const stream = `/jobs/${id}/stream`;
    expect(await statuses(stream, { 'last-event-id': '0-1' })).toEqual([200, 200]);
    expect(await statuses(stream, { 'last-event-id': '9-9' })).toEqual([200, 200]);
    expect(await statuses(stream, { 'last-event-id': lastEventId })).toEqual([204, 204]);
    expect(await statuses(stream, { 'last-event-id': 'x' })).toEqual([400, 400]);
    expect(await statuses(stream, { accept: 'image/png' })).toEqual([400, 400]);
    expect(await statuses(`/jobs/${UNKNOWN}/stream`)).toEqual([404, 404]);
    await harness.redis.del(harness.keys.log(refOf(id)));
    expect(await statuses(stream)).toEqual([410, 410]);
  });
});

describe('another method', () => {
  it.each([
    ['/jobs', 'DELETE, GET, HEAD, POST'],
    ['/jobs?status=queued', 'DELETE, GET, HEAD, POST'],
    ['/api/langchain', 'POST'],
    [`/jobs/${UNKNOWN}`, 'DELETE, GET, HEAD'],
    [`/jobs/${UNKNOWN}/stream`, 'GET, HEAD'],
    ['/healthz', 'GET, HEAD'],
    ['/readyz', 'GET, HEAD'],
    ['/metrics', 'GET, HEAD'],
    ['/openapi.json', 'GET, HEAD'],
    ['/docs', 'GET, HEAD'],
    ['/', 'GET, HEAD'],
    ['/index.html', 'GET, HEAD'],
  ])('of %s is 405, and Allow names %s', async (path, allowed) => {
    const others = ['GET', 'HEAD', 'POST', 'DELETE', 'PUT', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND'].filter(
      (method) => !allowed.split(', ').includes(method),
    );
    for (const method of others) {
      const answer = await rawRequest(`${node.url}${path}`, { method });
      expect([method, answer.status, answer.headers.allow]).toEqual([method, 405, allowed]);
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(answer.headers['x-content-type-options']).toBe('nosniff');
      if (method === 'HEAD') continue;
      expect(JSON.parse(answer.bytes.toString())).toMatchObject({ code: 'METHOD_NOT_ALLOWED', status: 405 });
    }
  });

  it.each(['/nowhere', '/jobs/', '/jobs/x/y/z', '/JOBS', '/jobs//stream', '/assets/nothing.js', '/..%2f..%2fetc'])(
    'leads nowhere where GET does: %s',
    async (path) => {
      for (const method of ['GET', 'POST', 'PUT', 'OPTIONS', 'PROPFIND']) {
        const answer = await rawRequest(`${node.url}${path}`, { method });
        expect([method, answer.status, answer.headers.allow]).toEqual([method, 404, undefined]);
      }
    },
  );
});

function headOf(path: string, headers: Record<string, string> = {}) {
  return rawRequest(`${node.url}${path}`, { method: 'HEAD', headers });
}

async function openStreams(): Promise<number> {
  const text = await (await fetch(`${node.url}/metrics`)).text();
  return Number(/^millrace_open_streams(?:{.*})? (\d+)/m.exec(text)?.[1]);
}
