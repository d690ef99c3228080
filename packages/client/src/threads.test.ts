import { describe, expect, it } from '@jest/globals';
import { Millrace } from './millrace.ts';
import { wholeLog } from './testing/logs.ts';
import { ScriptedServer } from './testing/scripted-server.ts';

const log = wholeLog(['a']);
const thread = { id: 't/1', status: 'idle', activeJob: null };
const json = (body: unknown) => ({ kind: 'raw', contentType: 'application/json', body: JSON.stringify(body) }) as const;

describe('threads', () => {
  it('are made, read, listed, forked and deleted by the right requests', async () => {
    await using server = await ScriptedServer.start(log);
    const page = { items: [thread], nextCursor: null };
    server.mishaps.push(...[thread, thread, thread, page, page, page, thread, null].map(json));
    const { threads } = new Millrace({ baseUrl: server.url });
    const made = await threads.create();
    expect(made.toJSON()).toEqual({ id: 't/1', lastEventId: null });
    expect((await threads.create({ id: 't/1', metadata: { a: 'b' } })).id).toBe('t/1');
    expect(await made.get()).toEqual(thread);
    expect(await threads.list()).toEqual(page);
    expect(await threads.list({ limit: 5, cursor: 'a&b', tenant: 't' })).toEqual(page);
    expect(await made.messages({ limit: 2 })).toEqual(page);
    expect((await made.fork({ checkpointId: 'c1' })).id).toBe('t/1');
    expect(await made.erase()).toBeUndefined();
    expect(server.seen.map(({ method, path, body }) => [method, path, body].join(' ').trim())).toEqual([
      'POST /threads {}',
      'POST /threads {"id":"t/1","metadata":{"a":"b"}}',
      'GET /threads/t%2F1',
      'GET /threads',
      'GET /threads?limit=5&cursor=a%26b&tenant=t',
      'GET /threads/t%2F1/messages?limit=2',
      'POST /threads/t%2F1/fork {"checkpointId":"c1"}',
      'DELETE /threads/t%2F1',
    ]);
    expect(server.seen[0]?.headers).toMatchObject({ 'content-type': 'application/json' });
  });

  it('that are unknown throw the literal code', async () => {
    await using server = await ScriptedServer.start(log);
    server.mishaps.push({ kind: 'refuse', status: 404, body: { code: 'THREAD_NOT_FOUND' } });
    const { threads } = new Millrace({ baseUrl: server.url });
    await expect(threads.resume('t1').get()).rejects.toMatchObject({
      name: 'NotFound',
      code: 'THREAD_NOT_FOUND',
      status: 404,
    });
  });

  it('filter the list of jobs', async () => {
    await using server = await ScriptedServer.start(log);
    server.mishaps.push(json({ items: [], nextCursor: null }), json({ items: [{ name: 'chat' }] }));
    const client = new Millrace({ baseUrl: server.url });
    await client.jobs.list({ threadId: 't1' });
    expect(await client.pipelines()).toEqual([{ name: 'chat' }]);
    expect(server.seen.map(({ path }) => path)).toEqual(['/jobs?threadId=t1', '/pipelines']);
  });
});
