import { describe, expect, it } from '@jest/globals';
import { MillraceClient } from './millrace-client.ts';
import { wholeLog } from './testing/logs.ts';
import { ScriptedServer } from './testing/scripted-server.ts';

const log = wholeLog(['a']);
const job = { id: 'job-of-this-test-1', status: 'cancelled' };

function clientOf(server: ScriptedServer, apiKey?: string): MillraceClient {
  return new MillraceClient({ baseUrl: `${server.url}/`, retryMs: 1, ...(apiKey === undefined ? {} : { apiKey }) });
}

const json = (body: unknown) => ({ kind: 'raw', contentType: 'application/json', body: JSON.stringify(body) }) as const;

describe('create', () => {
  it('sends the body, a new request id, the key and the idempotency key', async () => {
    await using server = await ScriptedServer.start(log);
    const stream = await clientOf(server, 'secret').create({ query: 'why?' }, { idempotencyKey: 'once' });
    expect(await stream.text()).toBe('a');
    const [seen] = server.seen;
    expect(seen).toMatchObject({ method: 'POST', path: '/jobs', body: '{"query":"why?"}' });
    expect(seen?.headers).toMatchObject({
      accept: 'text/event-stream',
      authorization: 'Bearer secret',
      'content-type': 'application/json',
      'idempotency-key': 'once',
      'x-request-id': stream.id,
    });
    expect(stream.id).toMatch(/^[A-Za-z0-9_-]{24}$/);
  });

  it('repeats a POST whose answer was lost, with the same id: one job', async () => {
    await using server = await ScriptedServer.start(log);
    server.mishaps.push({ kind: 'lose' }, { kind: 'lose' }, { kind: 'refuse', status: 503 });
    const stream = await clientOf(server).create({ query: 'why?' });
    expect(await stream.text()).toBe('a');
    expect(server.seen.map(({ headers }) => headers['x-request-id'])).toEqual(Array(4).fill(stream.id));
    expect([...server.jobs]).toEqual([stream.id]);
  });

  it('uses the caller’s id', async () => {
    await using server = await ScriptedServer.start(log);
    const stream = await clientOf(server).create({ query: 'why?' }, { requestId: 'mine-and-no-other' });
    await stream.close();
    expect(stream.id).toBe('mine-and-no-other');
  });

  it('reports what is wrong with the body', async () => {
    await using server = await ScriptedServer.start(log);
    const errors = [{ pointer: '/temperature', detail: 'too hot' }];
    const body = { code: 'INVALID_REQUEST', detail: 'the body is not valid', requestId: 'r-1', errors };
    server.mishaps.push({ kind: 'refuse', status: 400, body });
    await expect(clientOf(server).create({ query: 'why?', temperature: 9 })).rejects.toMatchObject({
      name: 'MillraceError',
      code: 'INVALID_REQUEST',
      message: 'the body is not valid',
      status: 400,
      requestId: 'r-1',
      errors,
      retryable: false,
    });
    expect(server.seen).toHaveLength(1);
  });

  it('does not repeat a request that the tenant’s limit refuses, and reports when to try again', async () => {
    await using server = await ScriptedServer.start(log);
    server.mishaps.push({
      kind: 'refuse',
      status: 429,
      headers: { 'retry-after': '7' },
      body: { code: 'RATE_LIMITED' },
    });
    await expect(clientOf(server).create({ query: 'why?' })).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      retryAfterMs: 7000,
      retryable: true,
    });
  });
});

describe('the other calls', () => {
  it('get, list and cancel send the right requests', async () => {
    await using server = await ScriptedServer.start(log);
    const page = { items: [job], nextCursor: 'n' };
    server.mishaps.push(json(job), json(page), json(page), json(job));
    const client = clientOf(server);
    expect(await client.get(job.id)).toEqual(job);
    expect(await client.list()).toEqual(page);
    expect(await client.list({ status: 'active', limit: 5, cursor: 'a&b' })).toEqual(page);
    expect(await client.cancel(job.id)).toEqual(job);
    expect(server.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      `GET /jobs/${job.id}`,
      'GET /jobs',
      'GET /jobs?status=active&limit=5&cursor=a%26b',
      `DELETE /jobs/${job.id}`,
    ]);
  });

  it('throws the literal code of a refusal', async () => {
    await using server = await ScriptedServer.start(log);
    server.mishaps.push({ kind: 'refuse', status: 409, body: { code: 'JOB_FINISHED', title: 'Finished' } });
    await expect(clientOf(server).cancel(job.id)).rejects.toMatchObject({ code: 'JOB_FINISHED', status: 409 });
  });

  it('throws UNREACHABLE when nobody listens', async () => {
    const server = await ScriptedServer.start(log);
    const client = clientOf(server);
    await server[Symbol.asyncDispose]();
    await expect(client.get(job.id)).rejects.toMatchObject({ code: 'UNREACHABLE', status: null, retryable: true });
  });

  it('throws BAD_ANSWER when something else answers', async () => {
    await using server = await ScriptedServer.start(log);
    server.mishaps.push({ kind: 'raw', contentType: 'text/html', body: '<p>hello</p>' });
    await expect(clientOf(server).get(job.id)).rejects.toMatchObject({ code: 'BAD_ANSWER' });
  });

  it('stops with the signal’s reason', async () => {
    await using server = await ScriptedServer.start(log);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(clientOf(server).get(job.id, { signal })).rejects.toThrow('enough');
  });
});
