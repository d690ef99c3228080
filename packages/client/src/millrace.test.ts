import { describe, expect, it } from '@jest/globals';
import { Millrace } from './millrace.ts';
import { wholeLog } from './testing/logs.ts';
import { ScriptedServer } from './testing/scripted-server.ts';

const log = wholeLog(['a']);
const job = { id: 'job-of-this-test-1', status: 'cancelled' };

function clientOf(server: ScriptedServer, apiKey?: string): Millrace {
  return new Millrace({ baseUrl: `${server.url}/`, retryMs: 1, ...(apiKey === undefined ? {} : { apiKey }) });
}

const json = (body: unknown) => ({ kind: 'raw', contentType: 'application/json', body: JSON.stringify(body) }) as const;

describe('create', () => {
  it('sends the body, a new request id, the key and the idempotency key', async () => {
    await using server = await ScriptedServer.start(log);
    const stream = await clientOf(server, 'secret').jobs.create({ query: 'why?' }, { idempotencyKey: 'once' });
    expect(await stream.answer()).toBe('a');
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
    const stream = await clientOf(server).jobs.create({ query: 'why?' });
    expect(await stream.answer()).toBe('a');
    expect(server.seen.map(({ headers }) => headers['x-request-id'])).toEqual(Array(4).fill(stream.id));
    expect([...server.jobs]).toEqual([stream.id]);
  });

  it('uses the caller’s id', async () => {
    await using server = await ScriptedServer.start(log);
    const stream = await clientOf(server).jobs.create({ query: 'why?' }, { requestId: 'mine-and-no-other' });
    await stream.close();
    expect(stream.id).toBe('mine-and-no-other');
  });

  it('reports what is wrong with the body', async () => {
    await using server = await ScriptedServer.start(log);
    const errors = [{ pointer: '/temperature', detail: 'too hot' }];
    const body = { code: 'INVALID_REQUEST', detail: 'the body is not valid', requestId: 'r-1', errors };
    server.mishaps.push({ kind: 'refuse', status: 400, body });
    await expect(clientOf(server).jobs.create({ query: 'why?', temperature: 9 })).rejects.toMatchObject({
      name: 'InvalidRequest',
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
    await expect(clientOf(server).jobs.create({ query: 'why?' })).rejects.toMatchObject({
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
    expect(await client.jobs.resume(job.id).get()).toEqual(job);
    expect(await client.jobs.list()).toEqual(page);
    expect(await client.jobs.list({ status: 'active', limit: 5, cursor: 'a&b' })).toEqual(page);
    expect(await client.jobs.resume(job.id).cancel()).toEqual(job);
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
    await expect(clientOf(server).jobs.resume(job.id).cancel()).rejects.toMatchObject({
      code: 'JOB_FINISHED',
      status: 409,
    });
  });

  it('throws UNREACHABLE when nobody listens', async () => {
    const server = await ScriptedServer.start(log);
    const client = clientOf(server);
    await server[Symbol.asyncDispose]();
    await expect(client.jobs.resume(job.id).get()).rejects.toMatchObject({
      code: 'UNREACHABLE',
      status: null,
      retryable: true,
    });
  });

  it('throws BAD_ANSWER when something else answers', async () => {
    await using server = await ScriptedServer.start(log);
    server.mishaps.push({ kind: 'raw', contentType: 'text/html', body: '<p>hello</p>' });
    await expect(clientOf(server).jobs.resume(job.id).get()).rejects.toMatchObject({ code: 'BAD_ANSWER' });
  });

  it('stops with the signal’s reason', async () => {
    await using server = await ScriptedServer.start(log);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(clientOf(server).jobs.resume(job.id).get({ signal })).rejects.toThrow('enough');
  });

  it('submit a job without a stream, wait, and erase', async () => {
    await using server = await ScriptedServer.start(log);
    server.mishaps.push(json(job), null, json(job), json(null));
    const { jobs } = clientOf(server);
    expect(await jobs.submit({ query: 'why?' }, { requestId: job.id })).toEqual(job);
    expect(server.seen[0]?.headers).toMatchObject({ accept: 'application/json', 'x-request-id': job.id });
    expect(await jobs.resume(job.id).wait({ include: ['messages'] })).toEqual(job);
    await jobs.resume(job.id).erase();
    expect(server.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /jobs',
      `GET /jobs/${job.id}/stream`,
      `GET /jobs/${job.id}?include=messages`,
      `DELETE /jobs/${job.id}/data`,
    ]);
  });

  it('make and revoke tokens, and read lists', async () => {
    await using server = await ScriptedServer.start(log);
    const list = { items: [{ id: 'one' }] };
    server.mishaps.push(json({ token: 'mrt_x', id: 't1' }), json(null), json(list), json(list));
    const client = clientOf(server);
    const token = { jobs: [job.id], may: ['watch'], expiresInSeconds: 60 } as const;
    expect(await client.tokens.create(token)).toMatchObject({ token: 'mrt_x' });
    await client.tokens.revoke('t1');
    expect(await client.models()).toEqual(list.items);
    expect(await client.usage({ by: 'model' })).toEqual(list.items);
    expect(JSON.parse(server.seen[0]?.body ?? '')).toEqual(token);
    expect(server.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /tokens',
      'DELETE /tokens/t1',
      'GET /models',
      'GET /usage?by=model',
    ]);
  });

  it('ask for the key of the moment before each request', async () => {
    await using server = await ScriptedServer.start(log);
    server.mishaps.push({ kind: 'cut', after: 1, cleanly: true });
    const keys = ['first', 'second'];
    const client = new Millrace({ baseUrl: server.url, retryMs: 1, apiKey: async () => keys.shift() });
    expect(await (await client.jobs.create({ query: 'why?' })).answer()).toBe('a');
    expect(server.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer first', 'Bearer second']);
  });

  it('wait for a key no longer than for an answer: an abort ends both', async () => {
    await using server = await ScriptedServer.start(log);
    const client = new Millrace({ baseUrl: server.url, apiKey: () => new Promise<string>(() => undefined) });
    const stop = new AbortController();
    const asked = client.usage({ by: 'model' }, { signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(asked).rejects.toThrow('enough');
    await expect(client.usage({ by: 'model' }, { signal: stop.signal })).rejects.toThrow('enough');
    expect(server.seen).toEqual([]);
  });

  it.each([
    [401, 'AccessDenied'],
    [403, 'AccessDenied'],
    [404, 'NotFound'],
    [409, 'Conflict'],
    [410, 'NotFound'],
    [422, 'InvalidRequest'],
    [429, 'LimitReached'],
    [503, 'Unavailable'],
  ])('throw a class for each kind of refusal: %i is %s', async (status, name) => {
    await using server = await ScriptedServer.start(log);
    server.mishaps.push({ kind: 'refuse', status, headers: { 'x-request-id': 'r-1' } });
    await expect(clientOf(server).jobs.list()).rejects.toMatchObject({ name, status, requestId: 'r-1' });
  });
});
