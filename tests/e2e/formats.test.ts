import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jobRef } from '@millrace/contracts';
import { KeySpace } from '@millrace/stream-log';
import { startRedisProcess } from '@millrace/testing';
import { Redis } from 'ioredis';
import { recordedKeys, type StoredKeys, writeKeys } from './formats/stored-keys.ts';
import { RedisUsers } from './redis-users.ts';
import { SystemHarness } from './system-harness.ts';

/** What the simulated model says unless it is told otherwise. */
const ANSWER = 'Hello, world!';
const RECORDED = readdirSync(new URL('formats', import.meta.url)).filter((name) => name.endsWith('.json'));

describe.each(RECORDED)('what the last release has in Redis (%s)', (name) => {
  const parts = new AsyncDisposableStack();
  let stored: StoredKeys;
  let redis: Redis;
  let system: SystemHarness;
  beforeAll(async () => {
    stored = recordedKeys(name);
    const users = parts.use(await RedisUsers.of(stored.prefix));
    const server = parts.use(await startRedisProcess(users.serverArgs));
    redis = parts.adopt(new Redis(server.url), (connection) => connection.disconnect());
    await writeKeys(redis, stored);
    system = parts.use(
      await SystemHarness.start({
        redis: { url: server.url, users },
        processes: 1,
        env: { MILLRACE_KEY_PREFIX: stored.prefix, MILLRACE_GRAPHS: 'tests/e2e/asking-agent/langgraph.json' },
      }),
    );
  });
  afterAll(() => parts.disposeAsync());

  const id = (job: string) => stored.jobs[job] ?? '';
  const get = async (path: string) => {
    const answer = await fetch(`${system.url}${path}`);
    expect([path, answer.status]).toEqual([path, 200]);
    return (await answer.json()) as Record<string, unknown>;
  };
  const watched = async (job: string, after?: string) => {
    await using stream = await system.watch(id(job), after === undefined ? {} : { after });
    await stream.collect();
    return stream;
  };

  it('is read: an ended job, its stream from any event, its idempotency key, a conversation', async () => {
    expect(await get(`/jobs/${id('finished')}`)).toMatchObject({
      ...{ status: 'completed', attempt: 1, metadata: { of: 'the last release' } },
      usage: expect.objectContaining({ outputTokens: 2 }),
    });
    const stream = await watched('finished');
    expect([stream.text(), stream.terminal()?.event]).toEqual(['It is finished.', 'done']);
    const second = stream.events[1]?.id ?? '';
    expect((await watched('finished', second)).events.map((event) => event.id)).toEqual(
      stream.events.slice(2).map((event) => event.id),
    );
    await using again = await system.ask(
      { query: 'finish', metadata: { of: 'the last release' } },
      { headers: { 'idempotency-key': 'formats' } },
    );
    await again.collect();
    expect(again.response.headers.get('x-request-id')).toBe(id('finished'));
    const { items } = await get('/threads/talk/messages');
    expect((items as { content: string }[]).map(({ content }) => content)).toEqual(['first', 'It is finished.']);
  });

  it('goes on: a job whose worker is gone, the one that waits behind it, the queue', async () => {
    for (const [job, attempt] of [
      ['running', 2],
      ['waiting', 1],
      ['queued', 1],
    ] as const) {
      const stream = await watched(job);
      expect([job, stream.text(), stream.terminal()?.event]).toEqual([job, ANSWER, 'done']);
      expect(await get(`/jobs/${id(job)}`)).toMatchObject({ status: 'completed', attempt });
    }
    const { items } = await get('/threads/busy/messages');
    expect((items as { role: string }[]).map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant']);
  });

  it('is continued: a conversation, and an agent’s question from its checkpoint', async () => {
    await using talk = await system.ask({ threadId: 'talk', query: 'second' });
    await talk.collect();
    const asked = system.model.requests.at(-1)?.body.input ?? system.model.requests.at(-1)?.body.messages;
    expect(JSON.stringify(asked)).toMatch(/first.*It is finished.*second/);
    expect(await get('/threads/question')).toMatchObject({ status: 'interrupted' });
    await using answer = await system.ask({ threadId: 'question', resume: 'a fixture' });
    await answer.collect();
    expect(answer.text()).toBe('You said a fixture, of 1.');
  });

  it('is cancelled and erased', async () => {
    expect((await system.cancel(id('delayed'))).status).toBeLessThan(300);
    expect(await get(`/jobs/${id('delayed')}`)).toMatchObject({ status: 'cancelled' });
    const erased = await fetch(`${system.url}/jobs/${id('finished')}/data`, { method: 'DELETE' });
    expect([erased.status, await erased.text()]).toEqual([204, '']);
    expect((await fetch(`${system.url}/threads/talk`, { method: 'DELETE' })).status).toBe(204);
    const left = (await redis.keys('*')).filter((key) => key.includes(id('finished')) || key.includes('talk'));
    expect(left).toEqual([]);
  });

  it('is left alone where a newer version has written it, until a node of that version comes', async () => {
    const gate = system.model.gated({ to: 'of the future' });
    await using stream = await system.askUntilText('of the future', gate, 'a');
    await gate.say('b');
    await gate.finish();
    await stream.collect();
    const future = stream.response.headers.get('x-request-id') ?? '';
    const record = new KeySpace(stored.prefix).record(jobRef('default', future));
    await redis.hset(record, 'format', 2);
    const before = await redis.hgetall(record);
    const refusals = await Promise.all([
      fetch(`${system.url}/jobs/${future}`),
      fetch(`${system.url}/jobs/${future}/stream`),
      system.cancel(future),
      fetch(`${system.url}/jobs/${future}/data`, { method: 'DELETE' }),
    ]);
    for (const refusal of refusals) {
      expect(refusal.headers.get('retry-after')).not.toBeNull();
      expect([refusal.status, await refusal.json()]).toMatchObject([503, { code: 'UNAVAILABLE' }]);
    }
    expect(await redis.hgetall(record)).toEqual(before);

    // in the queue, too
    const pause = await Promise.all(system.workers.map((worker) => worker.stop(30_000)));
    expect(pause.map(({ code }) => code)).toEqual([0]);
    const answer = await fetch(`${system.url}/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ query: 'queued by the future' }),
    });
    const { id: queued } = (await answer.json()) as { id: string };
    const queuedRecord = new KeySpace(stored.prefix).record(jobRef('default', queued));
    await redis.hset(queuedRecord, 'format', 2);
    await system.startWorker();
    const worker = system.workers.at(-1);
    await worker?.logged(({ msg, requestId }) => msg === 'left to a newer version' && requestId === queued);
    expect(await redis.hmget(queuedRecord, 'status', 'attempt')).toEqual(['queued', '0']);
    await redis.hset(queuedRecord, 'format', 1);
    await using served = await system.watch(queued);
    await served.collect();
    expect([served.text(), served.terminal()?.event]).toEqual([ANSWER, 'done']);
  });
});
