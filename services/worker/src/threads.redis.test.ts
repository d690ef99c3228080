import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type JobRef, logLimits, type Message, threadRef } from '@millrace/contracts';
import { startModel } from '@millrace/simulated-model';
import { AttemptStarter } from '@millrace/stream-log';
import { eventually, startRedis, type TestRedis } from '@millrace/testing';
import { WorkerHarness } from './testing/worker-harness.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => redis[Symbol.asyncDispose]());

const THREAD = { threadId: 't1' };
const thread = threadRef('default', 't1');
const user = (content: string): Message => ({ role: 'user', content });
const assistant = (content: string): Message => ({ role: 'assistant', content });

/** What the thread's next answer is made from. */
async function remembered(harness: WorkerHarness, model: Awaited<ReturnType<typeof startModel>>) {
  const count = model.requests.length;
  model.answer(['ok']);
  const ref = await harness.submit({ ...THREAD, query: 'and now?' });
  expect((await harness.end(ref))[0]).toBe('done');
  const { messages } = (await model.request(count)).body;
  expect(messages?.at(-1)).toEqual(user('and now?'));
  return messages?.slice(0, -1);
}

describe('chat in a thread', () => {
  it('remembers what was asked and answered, with tool calls and their results', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    await harness.worker({ MILLRACE_SYSTEM_PROMPT: 'Be brief.' });
    model.answer([{ reasoning: 'hm' }, 'Hel', 'lo']);
    await harness.end(await harness.submit({ ...THREAD, query: 'hi' }));
    model.answer(['I look', { toolCall: { id: 'c1', name: 'look', arguments: '{"a":1}' } }]);
    await harness.end(await harness.submit({ ...THREAD, query: 'what is there?' }));
    model.answer(['A cat.']);
    const result = { role: 'tool' as const, toolCallId: 'c1', content: 'a cat' };
    await harness.end(await harness.submit({ ...THREAD, messages: [result] }));

    expect(await remembered(harness, model)).toEqual([
      { role: 'system', content: 'Be brief.' },
      user('hi'),
      assistant('Hello'),
      user('what is there?'),
      {
        ...assistant('I look'),
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'look', arguments: '{"a":1}' } }],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'a cat' },
      assistant('A cat.'),
    ]);
  });

  it('ends a job that would make a conversation too large, with the reason', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    await harness.worker({ MILLRACE_MAX_CONVERSATION_BYTES: '1500' });
    model.answer(['ok']);
    expect((await harness.end(await harness.submit({ ...THREAD, query: 'x'.repeat(700) })))[0]).toBe('done');
    const [type, error] = await harness.end(await harness.submit({ ...THREAD, query: 'y'.repeat(700) }));
    expect([type, error]).toMatchObject(['error', { code: 'MODEL_ERROR', retryable: false }]);
    expect(error['message']).toContain('MILLRACE_MAX_CONVERSATION_BYTES');
    model.answer(['still here']);
    expect((await harness.end(await harness.submit({ ...THREAD, query: 'z' })))[0]).toBe('done');
  });

  it('remembers nothing of another thread or tenant, or without one', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    await harness.worker();
    for (const place of [{}, { threadId: 't2' }, { ...THREAD, tenant: 'other' }]) {
      model.answer(['no']);
      await harness.end(await harness.submit({ ...place, query: 'secret' }));
    }
    expect(await remembered(harness, model)).toEqual([]);
  });

  it('keeps what a cancelled answer has said', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    await harness.worker();
    const gate = model.gated();
    const ref = await harness.submit({ ...THREAD, query: 'go on for ever' });
    await gate.say('half an ans');
    await eventually(async () => (await harness.text(ref)) === 'half an ans');
    await harness.cancel(ref);
    expect(await remembered(harness, model)).toEqual([user('go on for ever'), assistant('half an ans')]);
  });

  it('keeps the question of an answer that failed, and what it has said', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    await harness.worker({ MILLRACE_MODEL_RETRIES: '0' });
    const gate = model.gated();
    const failing = await harness.submit({ ...THREAD, query: 'one' });
    await gate.say('half');
    await eventually(async () => (await harness.text(failing)) === 'half');
    void gate.step({ reset: true });
    expect((await harness.end(failing))[0]).toBe('error');
    model.answer([{ fail: { status: 400 } }]);
    expect((await harness.end(await harness.submit({ ...THREAD, query: 'two' })))[0]).toBe('error');
    expect(await remembered(harness, model)).toEqual([user('one'), assistant('half'), user('two')]);
  });

  it('is made to agree with a client that keeps the conversation, and asks the model what the client sent', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    await harness.worker();
    const whole = async (...messages: readonly Message[]) => {
      const count = model.requests.length;
      model.answer(['ok']);
      const ref = await harness.submit({ ...THREAD, messages, conversation: 'whole' });
      expect((await harness.end(ref))[0]).toBe('done');
      expect((await model.request(count)).body.messages).toEqual(messages);
      await eventually(async () => (await harness.threads.get(thread))?.activeJob === null);
      const kept = await harness.threads.messages(thread, { from: 0, limit: 10 });
      return kept.map(({ content, jobId }) => `${String(content)} ${jobId === ref.slice('default.'.length)}`);
    };
    expect(await whole(user('a'))).toEqual(['a true', 'ok true']);
    expect(await whole(user('a'), assistant('ok'), user('b'))).toEqual([
      ...['a false', 'ok false', 'b true', 'ok true'],
    ]);
    // asked again in other words, and with an answer that the client has changed
    expect(await whole(user('a'), assistant('ok'), user('c'))).toEqual(['a false', 'ok false', 'c true', 'ok true']);
    expect(await whole(user('a'), assistant('oh'), user('d'))).toEqual(['a false', 'oh true', 'd true', 'ok true']);
    expect(await remembered(harness, model)).toEqual([user('a'), assistant('oh'), user('d'), assistant('ok')]);
  });

  it('keeps only what the last attempt has said, and the question once', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const first = model.gated();
    const ending = await harness.worker({ MILLRACE_WORKER_GRACE_MS: '50' });
    const ref = await harness.submit({ ...THREAD, query: 'hi' });
    await first.say('half');
    await eventually(async () => (await harness.text(ref)) === 'half');
    model.answer(['whole']);
    await harness.worker();
    await ending.close();
    expect((await harness.end(ref))[0]).toBe('done');
    expect(await remembered(harness, model)).toEqual([user('hi'), assistant('whole')]);
  });

  it('keeps what was said by a job that may not run again', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const ref = await harness.submit({ ...THREAD, query: 'hi', onCrash: 'fail' });
    // its worker says something and dies
    const starter = new AttemptStarter(harness.redis, harness.keys, logLimits(harness.settings()));
    const begun = await starter.begin(ref, 'doomed', { isNext: true });
    if (begun.kind !== 'begun') throw new Error(begun.kind);
    const lease = { ref: thread, jobId: ref.slice('default.'.length), attempt: 1, leaseToken: 'doomed' };
    await harness.threads.claim(lease, begun.request.messages);
    begun.writer.emit({ type: 'text', data: { text: 'half' } });
    await begun.writer.flush();
    await harness.worker();
    expect(await harness.end(ref)).toMatchObject(['error', { code: 'WORKER_LOST' }]);
    expect(await remembered(harness, model)).toEqual([user('hi'), assistant('half')]);
  });
});

describe('a thread', () => {
  it('runs its jobs one after the other, in order, on whatever worker', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    await Promise.all([harness.worker(), harness.worker()]);
    const gates = [model.gated(), model.gated(), model.gated()];
    const refs: JobRef[] = [];
    for (const query of ['a', 'b', 'c']) refs.push(await harness.submit({ ...THREAD, query }));
    for (const [place, gate] of gates.entries()) {
      expect((await gate.request).body.messages?.at(-1)).toEqual(user('abc'.charAt(place)));
      expect(model.requests).toHaveLength(place + 1);
      expect((await harness.threads.get(thread))?.activeJob).toBe(refs[place]?.slice('default.'.length));
      await gate.say(`${place}`);
      await gate.finish();
    }
    for (const ref of refs) expect((await harness.end(ref))[0]).toBe('done');
    await eventually(async () => (await harness.threads.get(thread))?.status === 'idle');
    await eventually(async () => (await harness.queued()) === 0);
  });

  it('is of the job that is next even when a worker has an entry of another', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    await harness.worker();
    const gate = model.gated();
    const first = await harness.submit({ ...THREAD, query: 'a' });
    await gate.request;
    const second = await harness.submit({ ...THREAD, query: 'b' });
    await harness.enqueue(second);
    await eventually(async () => (await harness.queued()) === 1);
    expect(await harness.reader.outline(second)).toMatchObject({ status: 'queued', attempt: 0 });
    model.answer(['ok']);
    await gate.finish();
    expect((await harness.end(first))[0]).toBe('done');
    expect((await harness.end(second))[0]).toBe('done');
  });

  it('is entered by a delayed job when a worker picks it up', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    await harness.worker();
    const gate = model.gated();
    const first = await harness.submit({ ...THREAD, query: 'a' });
    await gate.request;
    const [waiting, refused] = [
      await harness.submit({ ...THREAD, query: 'b', delayMs: 1 }),
      await harness.submit({ ...THREAD, query: 'c', delayMs: 1, onBusy: 'reject' }),
    ];
    expect(await harness.end(refused)).toEqual(['cancelled', { by: 'thread' }]);
    await eventually(async () => (await harness.queued()) === 1);
    expect(await harness.reader.outline(waiting)).toMatchObject({ status: 'queued', attempt: 0 });
    const last = model.gated();
    const urgent = await harness.submit({ ...THREAD, query: 'd', delayMs: 1, onBusy: 'interrupt' });
    expect(await harness.end(first)).toEqual(['cancelled', { by: 'thread' }]);
    expect((await last.request).body.messages?.at(-1)).toEqual(user('d'));
    model.answer(['ok']);
    await last.say('d');
    await last.finish();
    expect((await harness.end(urgent))[0]).toBe('done');
    expect((await harness.end(waiting))[0]).toBe('done');
    expect(await remembered(harness, model)).toEqual([
      ...[user('a'), user('d'), assistant('d')],
      ...[user('b'), assistant('ok')],
    ]);
  });

  it('that is gone ends the job that would have entered it', async () => {
    await using harness = new WorkerHarness(redis.url, 'http://127.0.0.1:9/v1');
    const late = await harness.submit({ ...THREAD, delayMs: 1 });
    await harness.redis.del(
      `${harness.prefix}:{thread:${thread}}:record`,
      `${harness.prefix}:{thread:${thread}}:expected`,
    );
    await harness.worker();
    expect(await harness.end(late)).toEqual(['cancelled', { by: 'thread' }]);
    await eventually(async () => (await harness.queued()) === 0);
  });

  it('that a job has lost ends its attempt', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const ref = await harness.submit(THREAD);
    await harness.redis.hset(
      `${harness.prefix}:{thread:${thread}}:record`,
      'claim',
      `${ref.slice('default.'.length)}:9:x`,
    );
    await harness.worker();
    expect(await harness.end(ref)).toMatchObject(['error', { code: 'INTERNAL', retryable: true }]);
    expect(model.requests).toHaveLength(0);
    await eventually(async () => (await harness.queued()) === 0);
  });
});
