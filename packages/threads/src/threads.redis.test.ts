import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Interrupt } from '@millrace/contracts';
import { eventually, startRedis, type TestRedis } from '@millrace/testing';
import { Redis } from 'ioredis';
import type { ForkEnd } from './fork-end.ts';
import { scriptsOf } from './redis/thread-scripts.ts';
import { RETENTION_MS, ThreadHarness } from './testing/thread-harness.ts';
import { privateThread } from './thread-record.ts';

let server: TestRedis;
let d: ThreadHarness;
beforeAll(async () => {
  server = await startRedis();
  d = ThreadHarness.single(server.url);
});
afterAll(async () => {
  await d[Symbol.asyncDispose]();
  await server.stop();
});

const QUESTIONS: Interrupt[] = [{ interruptId: 'q1', value: { approve: true }, node: 'ask' }];

describe('a conversation', () => {
  it('takes no question beyond its bytes, keeps what it has, and takes one again when some are gone', async () => {
    await using d = ThreadHarness.single(server.url, { retentionMs: 3_600_000, maxConversationBytes: 1_000 });
    const ref = d.newRef();
    await d.enter(ref, 'a');
    expect(await d.claim(ref, 'a', 1, ['x'.repeat(500)])).toBe('claimed');
    await d.leave(ref, 'a', 'completed', 'y'.repeat(300));
    await d.enter(ref, 'b');
    expect(await d.claim(ref, 'b', 1, ['z'.repeat(500)])).toBe('too-large');
    await d.leave(ref, 'b', 'failed');
    const lengths = async () =>
      (await d.threads.messages(ref, { from: 0, limit: 9 })).map(({ content }) => content?.length);
    expect(await lengths()).toEqual([500, 300]);

    // a whole conversation takes the place of the end of what is there
    await d.enter(ref, 'c');
    const lease = { ref, jobId: 'c', attempt: 1, leaseToken: 't' };
    const question = [{ role: 'user' as const, content: 'z'.repeat(500) }];
    expect(await d.threads.claim(lease, question, { keptMessages: 2 })).toEqual({ kind: 'too-large' });
    expect(await lengths()).toEqual([500, 300]);
    expect(await d.threads.claim(lease, question, { keptMessages: 0 })).toMatchObject({ kind: 'claimed' });
    expect(await lengths()).toEqual([500]);
    expect(await d.redis.hget(d.keys.record(ref), 'messageBytes')).toBe(
      String(Buffer.concat(await d.redis.lrangeBuffer(d.keys.messages(ref), 0, -1)).length),
    );
  });
});

describe('the order of a thread’s jobs (law 17)', () => {
  it('gives the turn to one job at a time, in the order of entry', async () => {
    const ref = d.newRef();
    expect(await d.enter(ref, 'a')).toBe('run');
    expect(await d.enter(ref, 'b')).toBe('wait');
    expect(await d.enter(ref, 'c')).toBe('wait');
    expect([await d.enter(ref, 'a'), await d.enter(ref, 'b')]).toEqual(['run', 'wait']);
    expect([await d.claim(ref, 'a'), await d.claim(ref, 'b')]).toEqual(['claimed', 'not-active']);
    expect(await d.leave(ref, 'a')).toBe('left, then b');
    expect(await d.leave(ref, 'a')).toBe('over, then b');
    expect(await d.enter(ref, 'a')).toBe('over');
    expect(await d.claim(ref, 'b')).toBe('claimed');
    // somebody has it already
    expect(await d.leave(ref, 'a')).toBe('over');
    expect(await d.leave(ref, 'b')).toBe('left, then c');
    expect(await d.leave(ref, 'c')).toBe('left');
    expect(await d.threads.get(ref)).toMatchObject({ status: 'idle', activeJob: null, lastJob: 'c', turn: 3 });
  });

  it('takes a job that continues another only as long as that is the last one', async () => {
    const ref = d.newRef();
    expect(await d.enter(ref, 'x', { continues: 'a' })).toBe('moved-on');
    expect(await d.enter(ref, 'a')).toBe('run');
    const both = await Promise.all(['b', 'c'].map((job) => d.enter(ref, job, { continues: 'a' })));
    expect(new Set(both)).toEqual(new Set(['wait', 'moved-on']));
    const next = both[0] === 'wait' ? 'b' : 'c';
    expect(await d.enter(ref, next, { continues: 'a' })).toBe('wait');
    expect(await d.leave(ref, 'a')).toBe(`left, then ${next}`);
    expect(await d.leave(ref, next)).toBe('left');
    expect(await d.enter(ref, 'd', { continues: 'a' })).toBe('moved-on');
    expect(await d.enter(ref, 'd', { continues: next })).toBe('run');
  });

  it('keeps the order when a job leaves that waits', async () => {
    const ref = d.newRef();
    for (const job of ['a', 'b', 'c', 'd']) await d.enter(ref, job);
    await d.claim(ref, 'a');
    expect(await d.leave(ref, 'c', 'cancelled')).toBe('left');
    expect(await d.enter(ref, 'c')).toBe('over');
    expect(await d.leave(ref, 'a')).toBe('left, then b');
    expect(await d.leave(ref, 'b', 'cancelled')).toBe('left, then d');
    expect(await d.redis.zrange(d.keys.jobs(ref), '0', '-1')).toEqual(['a', 'c', 'b', 'd']);
  });

  it('refuses a job that may not wait, and leaves nothing of it', async () => {
    const ref = d.newRef();
    await d.enter(ref, 'a');
    const before = await d.redis.hgetall(d.keys.record(ref));
    expect(await d.enter(ref, 'b', { onBusy: 'reject' })).toBe('busy');
    expect(await d.redis.hgetall(d.keys.record(ref))).toEqual(before);
    expect(await d.redis.exists(d.keys.waiting(ref))).toBe(0);
    expect(await d.leave(ref, 'b')).toBe('over, then a');
    await d.leave(ref, 'a');
    expect(await d.enter(ref, 'b', { onBusy: 'reject' })).toBe('run');
  });

  it.each(['interrupt', 'rollback'] as const)('puts a job that %ss another before those that wait', async (onBusy) => {
    const ref = d.newRef();
    for (const job of ['a', 'b']) await d.enter(ref, job);
    await d.claim(ref, 'a');
    expect(await d.enter(ref, 'c', { onBusy })).toBe('cancel-first a');
    expect(await d.enter(ref, 'c', { onBusy })).toBe('cancel-first a');
    expect(await d.enter(ref, 'd', { onBusy })).toBe('cancel-first a');
    expect(await d.redis.lrange(d.keys.waiting(ref), 0, -1)).toEqual(['d', 'c', 'b']);
    expect(await d.leave(ref, 'a', 'cancelled')).toBe(onBusy === 'rollback' ? 'undone, then d' : 'left, then d');
    // its wish is fulfilled: the one that has the turn now is not to be cancelled
    expect(await d.enter(ref, 'c', { onBusy })).toBe('wait');
    expect(await d.leave(ref, 'd')).toBe('left, then c');
    expect(await d.leave(ref, 'c')).toBe('left, then b');
  });

  it('is busy while others wait, also where Redis has lost the active job', async () => {
    const ref = d.newRef();
    await d.enter(ref, 'a');
    await d.enter(ref, 'b');
    await d.redis.hdel(d.keys.record(ref), 'active');
    await d.redis.hset(d.keys.record(ref), 'interrupts', JSON.stringify([{ interruptId: 'q', value: null }]));
    expect(await d.enter(ref, 'c', { onBusy: 'reject' })).toBe('busy');
    expect(await d.enter(ref, 'c', { kind: 'resume' })).toBe('not-interrupted');
    expect(await d.threads.erase(ref)).toBe(false);
  });

  it('has the turn taken by whoever enters an idle thread, whatever it asks for', async () => {
    for (const onBusy of ['enqueue', 'reject', 'interrupt', 'rollback'] as const) {
      const ref = d.newRef();
      expect(await d.enter(ref, 'a', { onBusy })).toBe('run');
      expect(await d.leave(ref, 'a')).toBe('left');
    }
  });

  it('lets one of many that enter at once have the turn', async () => {
    const ref = d.newRef();
    const jobs = Array.from({ length: 40 }, (_, i) => `job-${i}`);
    const entered = await Promise.all(jobs.map((job) => d.enter(ref, job)));
    expect(entered.filter((kind) => kind === 'run')).toHaveLength(1);
    const ended: (string | null)[] = [];
    let next = (await d.threads.get(ref))?.activeJob ?? null;
    while (next !== null) {
      ended.push(next);
      next = (await d.threads.leave({ ref, jobId: next, status: 'completed' })).next;
    }
    expect(new Set(ended)).toEqual(new Set(jobs));
    expect(ended).toHaveLength(jobs.length);
  });

  it('passes the turn on in a thread whose active job Redis has lost', async () => {
    const ref = d.newRef();
    for (const job of ['a', 'b', 'c']) await d.enter(ref, job);
    await d.redis.hdel(d.keys.record(ref), 'active');
    expect(await d.leave(ref, 'a')).toBe('over, then b');
  });
});

describe('the claim of a thread', () => {
  it('goes to the newest attempt of the active job alone', async () => {
    const ref = d.newRef();
    await d.enter(ref, 'a');
    expect(await d.claim(ref, 'a', 2)).toBe('claimed');
    expect(await d.claim(ref, 'a', 2)).toBe('claimed');
    expect(await d.claim(ref, 'a', 1)).toBe('not-active');
    expect(await d.claim(ref, 'a', 10)).toBe('claimed');
    expect(await d.claim(ref, 'a', 9)).toBe('not-active');
    expect(await d.redis.hget(d.keys.record(ref), 'claim')).toBe('a:10:token-10');
    await d.enter(ref, 'b');
    await d.leave(ref, 'a');
    expect(await d.redis.hexists(d.keys.record(ref), 'claim')).toBe(0);
    expect([await d.claim(ref, 'a', 11), await d.claim(ref, 'b', 1)]).toEqual(['not-active', 'claimed']);
  });

  it('does nothing to a thread that is gone', async () => {
    const ref = d.newRef();
    expect(await d.claim(ref, 'a')).toBe('not-active');
    expect(await d.leave(ref, 'a')).toBe('missing');
    expect(await d.redis.keys(`${d.keys.record(ref).slice(0, -'record'.length)}*`)).toEqual([]);
  });
});

describe('what a thread remembers', () => {
  it('is the question, and what was said, once, however often it is told', async () => {
    const ref = d.newRef();
    await d.enter(ref, 'a');
    await d.claim(ref, 'a', 1, ['hi', 'there']);
    await d.claim(ref, 'a', 2, ['hi', 'there']);
    await d.enter(ref, 'b');
    await d.leave(ref, 'a', 'cancelled', 'hel');
    await d.leave(ref, 'a', 'cancelled', 'hel');
    await d.claim(ref, 'b', 1, ['again']);
    expect(await d.threads.messages(ref, { from: 0, limit: 10 })).toEqual([
      { messageId: 'a-asked-0', role: 'user', content: 'hi', jobId: 'a' },
      { messageId: 'a-asked-1', role: 'user', content: 'there', jobId: 'a' },
      { messageId: 'a-said-0', role: 'assistant', content: 'hel', jobId: 'a' },
      { messageId: 'b-asked-0', role: 'user', content: 'again', jobId: 'b' },
    ]);
    expect((await d.threads.messages(ref, { from: 1, limit: 2 })).map(({ content }) => content)).toEqual([
      'there',
      'hel',
    ]);
    const before = await d.threads.messagesBefore({ ref, jobId: 'b' });
    expect(before.map(({ content }) => content)).toEqual(['hi', 'there', 'hel']);
    expect(await d.threads.messagesBefore({ ref, jobId: 'a' })).toEqual([]);
  });

  it('is read whole, however long it is', async () => {
    const ref = d.newRef();
    await d.enter(ref, 'a');
    await d.claim(
      ref,
      'a',
      1,
      Array.from({ length: 1_000 }, (_, i) => `${i} ${'x'.repeat(12_000)}`),
    );
    const all = await d.threads.messages(ref, { from: 0, limit: Number.POSITIVE_INFINITY });
    expect(all.map(({ content }) => Number.parseInt(String(content), 10))).toEqual(all.map((_, i) => i));
    expect(all).toHaveLength(1_000);
    expect((await d.threads.messages(ref, { from: 950, limit: 100 })).length).toBe(50);
  });

  it('has short pages for callers where messages are large (law 16)', async () => {
    const ref = d.newRef();
    await d.enter(ref, 'a');
    const question = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(600_000));
    await d.claim(ref, 'a', 1, [...question, 'e'.repeat(2_000_000), 'f']);
    const page = async (from: number, limit = 100) => {
      const { messages, more } = await d.threads.messagePage(ref, { from, limit });
      return [messages.map(({ content }) => String(content).charAt(0)).join(''), more];
    };
    expect([await page(0), await page(1), await page(3), await page(4), await page(5)]).toEqual([
      ['a', true],
      ['b', true],
      ['d', true],
      ['e', true],
      ['f', false],
    ]);
    expect([await page(5, 1), await page(6), await page(1e20)]).toEqual([
      ['f', false],
      ['', false],
      ['', false],
    ]);
  });

  it('has no trace of a job that was rolled back', async () => {
    const ref = d.newRef();
    await d.enter(ref, 'a');
    await d.claim(ref, 'a', 1, ['one']);
    await d.leave(ref, 'a', 'failed', 'ok');
    const before = await d.threads.get(ref);
    expect(before).toMatchObject({ status: 'error', lastJob: 'a' });
    await d.redis.hset(d.keys.record(ref), 'head', 'checkpoint-1');
    await d.enter(ref, 'b');
    await d.claim(ref, 'b', 1, ['two']);
    await d.redis.hset(d.keys.record(ref), 'head', 'checkpoint-2');
    expect(await d.enter(ref, 'c', { onBusy: 'rollback' })).toBe('cancel-first b');
    // what one job asks to undo, a later one cannot ask to keep
    expect(await d.enter(ref, 'd', { onBusy: 'interrupt' })).toBe('cancel-first b');
    await d.leave(ref, 'd', 'cancelled');
    expect(await d.leave(ref, 'b', 'completed', 'half')).toBe('undone, then c');
    expect(await d.leave(ref, 'b', 'completed', 'half')).toBe('over, then c');
    expect(await d.threads.get(ref)).toMatchObject({ head: 'checkpoint-1', lastJob: 'a' });
    expect((await d.threads.messages(ref, { from: 0, limit: 9 })).map(({ content }) => content)).toEqual(['one', 'ok']);
    expect(await d.leave(ref, 'c', 'cancelled')).toBe('left');
  });

  it('keeps what a job does whose namesake was rolled back', async () => {
    const ref = d.newRef();
    await d.enter(ref, 'a');
    await d.enter(ref, 'b', { onBusy: 'rollback' });
    expect(await d.leave(ref, 'a', 'cancelled')).toBe('undone, then b');
    await d.leave(ref, 'b');
    expect(await d.enter(ref, 'a', { isAnew: true })).toBe('run');
    expect(await d.leave(ref, 'a')).toBe('left');
  });

  it('is empty again after a rollback of its first job', async () => {
    const ref = d.newRef();
    await d.enter(ref, 'a');
    await d.claim(ref, 'a', 1, ['one']);
    await d.redis.hset(d.keys.record(ref), 'head', 'checkpoint-1');
    await d.enter(ref, 'b', { onBusy: 'rollback' });
    expect(await d.leave(ref, 'a', 'cancelled', 'said')).toBe('undone, then b');
    expect(await d.threads.messages(ref, { from: 0, limit: 9 })).toEqual([]);
    expect(await d.threads.get(ref)).toMatchObject({ head: null });
    // without a claim there is nothing to undo
    await d.enter(ref, 'c', { onBusy: 'rollback' });
    expect(await d.leave(ref, 'b', 'cancelled')).toBe('undone, then c');
  });

  it('is cut to what a client still has of it, by the first claim alone', async () => {
    const ref = d.newRef();
    const lease = { ref, jobId: 'b', attempt: 1, leaseToken: 'token-1' };
    const again = [{ role: 'user' as const, content: 'two again' }];
    const contents = async () => (await d.threads.messages(ref, { from: 0, limit: 9 })).map(({ content }) => content);
    await d.enter(ref, 'a');
    await d.claim(ref, 'a', 1, ['one', 'two']);
    await d.leave(ref, 'a', 'completed', 'ok');
    const { bytes = 0 } = (await d.threads.get(ref)) ?? {};
    await d.enter(ref, 'b');
    await d.threads.claim(lease, again, { keptMessages: 1 });
    expect(await contents()).toEqual(['one', 'two again']);
    await d.threads.claim({ ...lease, attempt: 2 }, again, { keptMessages: 0 });
    expect(await contents()).toEqual(['one', 'two again']);
    expect((await d.threads.messagesBefore(lease)).map(({ content }) => content)).toEqual(['one']);
    expect((await d.threads.get(ref))?.bytes).toBeLessThan(bytes + 200);
    await d.enter(ref, 'c', { onBusy: 'rollback' });
    await d.leave(ref, 'b', 'cancelled');
    expect(await contents()).toEqual(['one']);
    await d.threads.claim({ ...lease, jobId: 'c' }, [], { keptMessages: 0 });
    expect(await contents()).toEqual([]);
  });

  it('has no trace of the last job once another one undoes it', async () => {
    const ref = d.newRef();
    const head = async () => (await d.threads.get(ref))?.head;
    const runs = async (jobId: string, undoes?: string, status: 'completed' | 'failed' = 'completed') => {
      await d.enter(ref, jobId);
      const claimed = await d.threads.claim({ ref, jobId, attempt: 1, leaseToken: 'token-1' }, [], { undoes });
      await d.redis.hset(d.keys.record(ref), 'head', `head-of-${jobId}`);
      await d.leave(ref, jobId, status);
      return claimed.kind === 'claimed' ? claimed.head : claimed.kind;
    };
    expect(await runs('a')).toBeNull();
    expect(await runs('b')).toBe('head-of-a');
    // another job has ended since
    expect(await runs('c', 'a', 'failed')).toBe('head-of-b');
    expect(await runs('d', 'c')).toBe('head-of-b');
    expect(await d.threads.get(ref)).toMatchObject({ status: 'idle', lastJob: 'd' });
    expect(await runs('e', 'd')).toBe('head-of-b');
    // what was undone is undone once, and nothing before it
    await d.enter(ref, 'f');
    await d.threads.claim({ ref, jobId: 'f', attempt: 1, leaseToken: 't' }, [], { undoes: 'e' });
    expect(await head()).toBe('head-of-b');
    await d.enter(ref, 'g', { onBusy: 'rollback' });
    await d.leave(ref, 'f', 'cancelled');
    expect(await d.threads.get(ref)).toMatchObject({ head: 'head-of-b', lastJob: null });
    await d.threads.claim({ ref, jobId: 'g', attempt: 1, leaseToken: 't' }, [], { undoes: 'e' });
    expect(await head()).toBe('head-of-b');
  });

  it('goes back to the beginning where the first job is undone', async () => {
    const ref = d.newRef();
    await d.enter(ref, 'a');
    await d.claim(ref, 'a');
    await d.redis.hset(d.keys.record(ref), 'head', 'head-of-a');
    const interrupts = [{ interruptId: 'i', value: 1 }];
    await d.threads.leave({ ref, jobId: 'a', status: 'interrupted', interrupts });
    await d.enter(ref, 'b');
    const lease = { ref, jobId: 'b', attempt: 1, leaseToken: 't' };
    expect(await d.threads.claim(lease, [], { undoes: 'a' })).toEqual({ kind: 'claimed', head: null });
    expect(await d.leave(ref, 'b')).toBe('left');
    expect(await d.threads.get(ref)).toMatchObject({ status: 'idle', interrupts: [] });
  });

  it('goes back to where the job found it, for an attempt that cannot go on', async () => {
    const ref = d.newRef();
    await d.enter(ref, 'a');
    await d.claim(ref, 'a', 1);
    await d.redis.hset(d.keys.record(ref), 'head', 'checkpoint-1');
    await d.claim(ref, 'a', 2);
    const lease = { ref, jobId: 'a', attempt: 1, leaseToken: 'token-1' };
    expect(await d.threads.rewind(lease)).toBe(false);
    expect(await d.threads.get(ref)).toMatchObject({ head: 'checkpoint-1' });
    expect(await d.threads.rewind({ ...lease, attempt: 2, leaseToken: 'token-2' })).toBe(true);
    expect(await d.threads.get(ref)).toMatchObject({ head: null, activeJob: 'a' });
  });
});

describe('the questions of a thread', () => {
  async function interrupted() {
    const ref = d.newRef();
    await d.enter(ref, 'asks');
    await d.claim(ref, 'asks');
    await d.redis.hset(d.keys.record(ref), 'head', 'question');
    await d.threads.leave({ ref, jobId: 'asks', status: 'interrupted', interrupts: QUESTIONS });
    expect(await d.threads.get(ref)).toMatchObject({ status: 'interrupted', interrupts: QUESTIONS });
    return ref;
  }
  const resume = { kind: 'resume' } as const;

  it('are answered by one of many answers', async () => {
    const ref = await interrupted();
    const jobs = Array.from({ length: 20 }, (_, i) => `answer-${i}`);
    const entered = await Promise.all(jobs.map((job) => d.enter(ref, job, resume)));
    expect(entered.filter((kind) => kind === 'not-interrupted')).toHaveLength(19);
    const winner = jobs[entered.indexOf('run')] ?? '';
    expect(await d.enter(ref, winner, resume)).toBe('run');
    expect(await d.threads.get(ref)).toMatchObject({ status: 'busy', interrupts: [] });
    const lease = { ref, jobId: winner, attempt: 1, leaseToken: 't' };
    expect(await d.threads.claim(lease)).toEqual({ kind: 'claimed', head: 'question' });
    await d.redis.hset(d.keys.record(ref), 'head', 'answered');
    await d.leave(ref, winner, 'failed');
    expect(await d.threads.get(ref)).toMatchObject({ status: 'error', interrupts: [] });
    expect(await d.enter(ref, 'late', resume)).toBe('not-interrupted');
  });

  it.each(['cancelled', 'failed'] as const)('come back when the answer %s without a step', async (ending) => {
    const ref = await interrupted();
    await d.enter(ref, 'unclaimed', resume);
    await d.leave(ref, 'unclaimed', ending);
    await d.enter(ref, 'claimed', resume);
    await d.claim(ref, 'claimed');
    await d.leave(ref, 'claimed', ending);
    expect(await d.threads.get(ref)).toMatchObject({ status: 'interrupted', interrupts: QUESTIONS });
    expect(await d.enter(ref, 'better', resume)).toBe('run');
    await d.leave(ref, 'better', 'completed');
    expect(await d.threads.get(ref)).toMatchObject({ status: 'idle', interrupts: [] });
  });

  it('are dropped by a new message, unless it is undone', async () => {
    const ref = await interrupted();
    expect(await d.enter(ref, 'message')).toBe('run');
    expect(await d.enter(ref, 'answer', resume)).toBe('not-interrupted');
    await d.claim(ref, 'message');
    await d.redis.hset(d.keys.record(ref), 'head', 'elsewhere');
    await d.enter(ref, 'instead', { onBusy: 'rollback' });
    expect(await d.leave(ref, 'message', 'completed')).toBe('undone, then instead');
    await d.leave(ref, 'instead', 'cancelled');
    expect(await d.threads.get(ref)).toMatchObject({ status: 'interrupted', head: 'question', interrupts: QUESTIONS });
    await d.enter(ref, 'next');
    await d.claim(ref, 'next');
    await d.redis.hset(d.keys.record(ref), 'head', 'elsewhere');
    await d.leave(ref, 'next', 'cancelled');
    expect(await d.threads.get(ref)).toMatchObject({ status: 'idle', interrupts: [] });
  });

  it('are answered by an answer to others only if that says so', async () => {
    const ref = await interrupted();
    const answers = (await d.threads.get(ref))?.questions?.digest;
    await d.enter(ref, 'early', { ...resume, answers });
    await d.claim(ref, 'early');
    const more: Interrupt[] = [{ interruptId: 'q2', value: 'sure?' }];
    const ending = { ref, jobId: 'early', status: 'interrupted', interrupts: more } as const;
    await d.threads.leave({ ...ending, pipeline: 'asks' });
    expect(await d.threads.get(ref)).toMatchObject({ interrupts: more, questions: { pipeline: 'asks' } });
    expect(await d.enter(ref, 'late', { ...resume, answers })).toBe('not-interrupted');
    expect(await d.enter(ref, 'any', resume)).toBe('run');
  });

  it('are followed by others', async () => {
    const ref = await interrupted();
    await d.enter(ref, 'answer', resume);
    await d.claim(ref, 'answer');
    const more: Interrupt[] = [{ interruptId: 'q2', value: 'sure?' }];
    await d.threads.leave({ ref, jobId: 'answer', status: 'interrupted', interrupts: more });
    expect(await d.threads.get(ref)).toMatchObject({ status: 'interrupted', interrupts: more });
  });

  it('cannot be answered where there are none', async () => {
    const ref = d.newRef();
    expect(await d.enter(ref, 'answer', resume)).toBe('unknown-thread');
    expect(await d.redis.exists(d.keys.record(ref))).toBe(0);
    await d.threads.create(ref);
    expect(await d.enter(ref, 'answer', resume)).toBe('not-interrupted');
  });
});

describe('the life of a thread', () => {
  it('begins once, with the metadata of all who create it', async () => {
    const ref = d.newRef();
    const created = await d.threads.create(ref, { metadata: { a: '1', b: '2' } });
    expect(created).toMatchObject({ created: true, thread: { status: 'idle', metadata: { a: '1', b: '2' } } });
    const again = await d.threads.create(ref, { metadata: { b: '3', c: 'ü/"\\' } });
    expect(again).toMatchObject({ created: false, thread: { metadata: { a: '1', b: '3', c: 'ü/"\\' } } });
    expect(await d.threads.create(ref)).toEqual({ created: false, thread: again.thread });
    expect(await d.threads.create(ref, { metadata: {} })).toMatchObject({ created: false });
    const many = Object.fromEntries(Array.from({ length: 14 }, (_, i) => [`k${i}`, 'v']));
    await expect(d.threads.create(ref, { metadata: many })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    expect(await d.threads.get(ref)).toEqual(again.thread);
    const other = d.newRef();
    const results = await Promise.all(Array.from({ length: 10 }, () => d.threads.create(other)));
    expect(results.filter(({ created }) => created)).toHaveLength(1);
  });

  it('ends everywhere at the same time, after the last change', async () => {
    const ref = d.newRef();
    for (const job of ['a', 'b']) await d.enter(ref, job);
    await d.claim(ref, 'a', 1, ['hi']);
    await d.threads.expect(ref, 'later');
    const keys = [
      d.keys.record(ref),
      d.keys.jobs(ref),
      d.keys.waiting(ref),
      d.keys.expected(ref),
      d.keys.messages(ref),
    ];
    await d.redis.hset(d.keys.checkpoints(ref), 'x', 'y');
    await d.redis.zadd(d.keys.checkpointIndex(ref), 0, 'x');
    keys.push(d.keys.checkpoints(ref), d.keys.checkpointIndex(ref));
    const times = async () => new Set(await Promise.all(keys.map((key) => d.redis.pexpiretime(key))));
    for (const key of keys) await d.redis.pexpire(key, 100_000);
    await d.leave(ref, 'later', 'cancelled');
    await d.claim(ref, 'a', 2);
    // what is empty has no key: it says -2
    const expireAt = [...(await times())].filter((time) => time > 0);
    expect(expireAt).toHaveLength(1);
  });

  it('is no shorter than that of the jobs in it', async () => {
    const ref = d.newRef();
    const lastsMs = () => d.redis.pttl(d.keys.record(ref));
    await d.threads.create(ref);
    expect(await lastsMs()).toBeLessThanOrEqual(RETENTION_MS);
    await d.enter(ref, 'a');
    expect(await lastsMs()).toBeGreaterThan(7 * 86_400_000);
    await d.leave(ref, 'a');
    expect(await lastsMs()).toBeLessThanOrEqual(RETENTION_MS);
    await d.threads.expect(ref, 'later');
    expect(await lastsMs()).toBeGreaterThan(7 * 86_400_000);
    await d.leave(ref, 'later', 'cancelled');
    expect(await lastsMs()).toBeLessThanOrEqual(RETENTION_MS);
    expect(await lastsMs()).toBeGreaterThan(RETENTION_MS - 60_000);
  });

  it('ends with everything in it when it is erased, once no job is in it', async () => {
    const ref = d.newRef();
    await d.enter(ref, 'a');
    await d.claim(ref, 'a', 1, ['hi']);
    await d.enter(ref, 'b');
    await d.threads.expect(ref, 'later');
    expect(await d.threads.erase(ref)).toBe(false);
    await d.leave(ref, 'b', 'cancelled');
    await d.leave(ref, 'a', 'cancelled');
    expect(await d.threads.erase(ref)).toBe(false);
    await d.leave(ref, 'later', 'cancelled');
    expect(await d.threads.erase(ref)).toBe(true);
    expect(await d.threads.erase(ref)).toBe(true);
    expect(await d.threads.get(ref)).toBeNull();
    expect(await d.redis.exists(...d.keys.ofThread(ref))).toBe(0);
    // none of those that were in it brings it back
    expect(await d.claim(ref, 'a', 2)).toBe('not-active');
    expect(await d.leave(ref, 'a')).toBe('missing');
    expect(await d.enter(ref, 'later', { wasExpected: true })).toBe('over');
    expect(await d.redis.exists(...d.keys.ofThread(ref))).toBe(0);
    for (const list of [d.keys.allThreads, d.keys.threadsOf('default')]) {
      expect(await d.redis.zscore(list, ref)).toBeNull();
    }
  });

  it('lets a job in that was expected', async () => {
    const ref = d.newRef();
    await d.threads.expect(ref, 'later');
    expect(await d.threads.get(ref)).toMatchObject({ status: 'idle' });
    await d.enter(ref, 'a');
    const entry = { wasExpected: true, onBusy: 'reject' } as const;
    expect(await d.enter(ref, 'later', entry)).toBe('busy');
    expect(await d.enter(ref, 'later', entry)).toBe('busy');
    await d.leave(ref, 'a');
    expect(await d.enter(ref, 'later', entry)).toBe('run');
    expect(await d.enter(ref, 'later', entry)).toBe('run');
    await d.threads.expect(ref, 'later');
    await d.leave(ref, 'later');
    await d.threads.expect(ref, 'later');
    expect(await d.redis.exists(d.keys.expected(ref))).toBe(0);
  });

  it('is that of its one job, if it is private', async () => {
    const ref = privateThread('default', 'a');
    expect(await d.enter(ref, 'a', { isPrivate: true })).toBe('run');
    await d.claim(ref, 'a');
    await d.redis.hset(d.keys.checkpoints(ref), 'x', 'y');
    expect(await d.threads.get(ref)).toMatchObject({ isPrivate: true });
    expect(await d.redis.zscore(d.keys.threadsOf('default'), ref)).toBeNull();
    await d.threads.account([{ ref, bytes: 1_000 }]);
    expect(await d.leave(ref, 'a')).toBe('erased');
    expect(await d.leave(ref, 'a')).toBe('missing');
    expect(await d.redis.exists(...d.keys.ofThread(ref))).toBe(0);
    for (const list of d.keys.listsOf(ref).slice(0, 2)) expect(await d.redis.zscore(list, ref)).toBeNull();
    expect(await d.redis.hexists(d.jobKeys.storedBytesOf('default'), 'thread:~a')).toBe(0);
  });

  it('counts for its tenant, for as long as it lasts', async () => {
    const ref = d.newRef('counted');
    const counted = async () => Number(await d.redis.hget(d.jobKeys.storedBytesOf('counted'), 'total'));
    const { thread } = await d.threads.create(ref, { metadata: { k: 'v'.repeat(100) } });
    expect(thread.bytes).toBeGreaterThan(500);
    expect(await counted()).toBe(thread.bytes);
    await d.threads.create(ref, { metadata: { k: 'v'.repeat(200) } });
    const described = (await d.threads.get(ref))?.bytes ?? 0;
    expect([await counted(), described >= thread.bytes + 100]).toEqual([described, true]);
    await d.enter(ref, 'a');
    await d.claim(ref, 'a', 1, ['x'.repeat(10_000)]);
    await d.leave(ref, 'a', 'completed', 'y'.repeat(10_000));
    const after = await counted();
    expect(after).toBeGreaterThan(20_000);
    await d.enter(ref, 'b');
    await d.claim(ref, 'b', 1, ['x'.repeat(10_000)]);
    await d.enter(ref, 'c', { onBusy: 'rollback' });
    await d.leave(ref, 'b', 'cancelled', 'y'.repeat(10_000));
    await d.leave(ref, 'c', 'cancelled');
    expect(await counted()).toBeLessThan(after + 500);
    await d.threads.erase(ref);
    expect(await d.redis.exists(d.jobKeys.storedBytesOf('counted'))).toBe(0);
  });

  it('remembers of which jobs it was rid, up to a bound', async () => {
    const ref = d.newRef();
    await d.threads.create(ref);
    const old = Array.from({ length: 10_000 }, (_, i) => [i + 1, `old-${i}`]).flat();
    await d.redis.zadd(d.keys.jobs(ref), ...old);
    await d.redis.hset(d.keys.record(ref), 'turn', 10_000);
    await d.enter(ref, 'a');
    expect(await d.redis.zcard(d.keys.jobs(ref))).toBe(10_000);
  });
});

describe('threads that have expired', () => {
  it('leave the lists and the counts, whoever forgets to say so', async () => {
    await using short = ThreadHarness.single(server.url, { retentionMs: 500 });
    const { threads, redis, keys, jobKeys } = short;
    const [gone, busy] = [short.newRef(), short.newRef()];
    await threads.create(gone);
    await short.enter(busy, 'a');
    await threads.account([{ ref: busy, bytes: 700 }]);
    const counted = async () => Number(await redis.hget(jobKeys.storedBytesOf('default'), 'total'));
    expect(await counted()).toBe(700 + 502);
    const listed = () => redis.zrange(keys.threadsOf('default'), '0', '-1');
    await eventually(async () => (await threads.get(gone)) === null);
    await eventually(async () => {
      while ((await threads.purgeExpired(1, async () => undefined)) === 1);
      return (await listed()).length === 1;
    });
    expect(await listed()).toEqual([busy]);
    expect(await counted()).toBe(700);
    // it is looked at again when it expires
    expect(Number(await redis.zscore(keys.seenThreads, busy)) / 1_000).toBeGreaterThan(Date.now() + 7 * 86_400_000);
    await short.leave(busy, 'a');
    await threads.account([{ ref: gone, bytes: 9_000 }]);
    expect(await redis.hexists(jobKeys.storedBytesOf('default'), `thread:${gone.split('.')[1]}`)).toBe(0);
  });
});

describe('a fork of a part of a conversation', () => {
  it('ends before or after a job or a message, also through many pages', async () => {
    const ref = d.newRef();
    for (const job of ['a', 'b', 'c']) {
      await d.enter(ref, job);
      await d.claim(
        ref,
        job,
        1,
        Array.from({ length: 600 }, (_, n) => `${job}${n}`),
      );
      await d.leave(ref, job, 'completed', `said by ${job}`);
    }
    const checkpoints = { copy: async () => null, readState: async () => null };
    const forked = async (end: ForkEnd) => {
      const to = d.newRef();
      const outcome = await d.threads.fork({ from: ref, to, end, checkpoints });
      const ids = (await d.threads.messages(to, { from: 0, limit: 9_999 })).map(({ messageId }) => messageId);
      return [outcome, ids.length, ids.at(-1)];
    };
    const afterJob = (jobId: string) => forked({ side: 'after', jobId });
    const beforeJob = (jobId: string) => forked({ side: 'before', jobId });
    expect(await afterJob('a')).toEqual(['forked', 601, 'a-said-0']);
    expect(await afterJob('b')).toEqual(['forked', 1_202, 'b-said-0']);
    expect(await afterJob('c')).toEqual(['forked', 1_803, 'c-said-0']);
    expect(await afterJob('x')).toEqual(['unknown-end', 0, undefined]);
    expect(await beforeJob('a')).toEqual(['forked', 0, undefined]);
    expect(await beforeJob('c')).toEqual(['forked', 1_202, 'b-said-0']);
    expect(await beforeJob('x')).toEqual(['unknown-end', 0, undefined]);
    const messageId = 'b-asked-0';
    expect(await forked({ side: 'before', messageId })).toEqual(['forked', 601, 'a-said-0']);
    expect(await forked({ side: 'after', messageId })).toEqual(['forked', 602, 'b-asked-0']);
    expect(await forked({ side: 'after', messageId: 'none' })).toEqual(['unknown-end', 0, undefined]);
    const last = 'c-said-0';
    expect(await forked({ side: 'after', messageId: last })).toEqual(['forked', 1_803, last]);
  });
});

describe('a fork that takes long', () => {
  const hanging = { copy: () => new Promise<never>(() => {}), readState: async () => null };
  const quick = { copy: async () => ({ checkpointId: 'c1', origin: null }), readState: async () => null };

  it('keeps its id from other requests for as long as it is at work', async () => {
    await using slow = ThreadHarness.single(server.url, { retentionMs: RETENTION_MS, forkLeaseMs: 20_000 });
    const { ref, to } = await withState(slow);
    void slow.threads.fork({ from: ref, to, checkpoints: hanging });
    const held = () => slow.redis.pttl(slow.keys.forking(to));
    await eventually(async () => (await held()) > 0);
    await slow.redis.pexpire(slow.keys.forking(to), 10_000);
    // only a renewal makes it longer
    await eventually(async () => (await held()) > 11_000, { timeoutMs: 60_000 });
    expect(await slow.threads.fork({ from: ref, to, checkpointId: 'c1', checkpoints: quick })).toBe('exists');
  });

  it('and is cut short gives its id to the next request', async () => {
    const { ref, to } = await withState(d);
    const limits = { retentionMs: RETENTION_MS, forkLeaseMs: 2_000 };
    const node = new ThreadHarness(new Redis(server.url), limits, d.prefix);
    void node.threads.fork({ from: ref, to, checkpoints: hanging });
    await eventually(async () => (await d.redis.exists(d.keys.forking(to))) === 1);
    node.redis.disconnect();
    const next = () => d.threads.fork({ from: ref, to, checkpointId: 'c1', checkpoints: quick });
    await eventually(async () => (await next()) === 'forked', { timeoutMs: 60_000, everyMs: 100 });
  });

  /** A thread with a checkpoint, and an id for its copy. */
  async function withState(harness: ThreadHarness) {
    const [ref, to] = [harness.newRef(), harness.newRef()];
    await harness.enter(ref, 'a');
    await harness.claim(ref, 'a');
    await harness.leave(ref, 'a');
    await harness.redis.hset(harness.keys.record(ref), 'head', 'c1');
    return { ref, to };
  }
});

describe('the lists of threads', () => {
  it('keep their order when the clock of Redis goes back', async () => {
    const register = scriptsOf(d.redis, 'catalogue', { register: [5] });
    const [ref, other] = [d.newRef(), d.newRef()];
    const { seenThreads, busyThreads, allThreads } = d.keys;
    const ahead = 4e15;
    await d.redis.zadd(seenThreads, ahead, ref);
    await d.redis.zadd(allThreads, ahead, other);
    await register('register', d.keys.listsOf(ref), [ref, '1', '1', RETENTION_MS]);
    const scores = [seenThreads, busyThreads, allThreads, d.keys.threadsOf('default')].map((key) =>
      d.redis.zscore(key, ref),
    );
    expect((await Promise.all(scores)).map(Number)).toEqual([ahead + 1, ahead + 1, ahead + 1, ahead + 1]);
    // the other tests go by the clock
    await d.redis.zrem(allThreads, ref, other);
  });
});

describe('a full Redis', () => {
  it('still lets a job leave, and gives the next one the turn', async () => {
    const full = await startRedis();
    try {
      await using own = ThreadHarness.single(full.url);
      const ref = own.newRef();
      await own.enter(ref, 'a');
      await own.claim(ref, 'a');
      await own.enter(ref, 'b');
      await own.redis.config('SET', 'maxmemory', '1');
      await expect(own.redis.set('more', '1')).rejects.toThrow('OOM');
      const run = scriptsOf(own.redis, 'thread', {
        leave: [
          9,
          'thread',
          'checkpoints',
          'pieces',
          'remove-checkpoints',
          'message-jobs',
          'undo-checkpoints',
          'rewind',
        ],
      });
      const left = await run('leave', own.keys.ofThread(ref), ['PUBLISH', RETENTION_MS, 'a', 'completed', '']);
      expect(left).toEqual(['left', 'next', 'b', 'bytes', expect.any(String)]);
    } finally {
      await full.stop();
    }
  });
});
