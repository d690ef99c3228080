import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { idOf, isTerminal, type JobRef, jobRef, newRequestId } from '@millrace/contracts';
import { startRedis, type TestRedis } from '@millrace/testing';
import { IdempotencyMismatch, LogLimitExceeded } from '../errors.ts';
import { NewJob } from '../log/new-job.ts';
import { scriptsOf } from '../redis/scripts.ts';
import { DONE, LogHarness, REQUEST, say, textOf } from '../testing/log-harness.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const id = 'a-request-id-0001';
const ref = jobRef('default', id);
const metadata = { k: 'v' };
const job = new NewJob({ ref, fingerprint: 'f', request: REQUEST, metadata });

describe('open', () => {
  it('stores record and accepted event at once, and reads them back', async () => {
    await using d = LogHarness.single(server.url);
    const createdAt = await d.opener.open(job);
    expect(createdAt).toBeGreaterThan(0);
    expect(await d.reader.outline(ref)).toMatchObject({
      createdAt,
      ...{ ref, jobId: id, tenant: 'default', fingerprint: 'f', metadata },
      status: 'queued',
      attempt: 0,
      lastEventId: '0-1',
      startedAt: null,
      usage: null,
    });
    expect(await d.log(ref)).toEqual([{ id: '0-1', type: 'accepted', data: `{"id":"${id}","status":"queued"}` }]);
  });

  it('makes one job of the same request sent many times at once', async () => {
    await using d = LogHarness.single(server.url);
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => d.opener.open(job)));
    expect(outcomes.filter((createdAt) => createdAt !== null)).toHaveLength(1);
    expect(await d.log(ref)).toHaveLength(1);
  });

  it('refuses the id for another body, and gives another tenant its own job of that id', async () => {
    await using d = LogHarness.single(server.url);
    await d.opener.open(job);
    const changed = new NewJob({ ref, fingerprint: 'g', request: REQUEST, metadata });
    await expect(d.opener.open(changed)).rejects.toThrow(IdempotencyMismatch);
    const others = new NewJob({ ref: jobRef('other', id), fingerprint: 'g', request: REQUEST, metadata });
    expect(await d.opener.open(others)).not.toBeNull();
    expect((await d.reader.outline(ref))?.fingerprint).toBe('f');
  });
});

describe('begin', () => {
  it('numbers attempts, and emits reset only if there was output', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    await d.begin(id);
    const second = await d.begin(id);
    say(second, 'lost');
    await second.flush();
    await d.begin(id);
    expect((await d.log(id)).map((event) => [event.id, event.type, event.data])).toEqual([
      ['0-1', 'accepted', `{"id":"${idOf(id)}","status":"queued"}`],
      ['1-1', 'started', '{"attempt":1,"model":"openai:test"}'],
      ['2-1', 'started', '{"attempt":2,"model":"openai:test"}'],
      ['2-2', 'text', '{"text":"lost"}'],
      ['3-1', 'reset', '{"attempt":3,"reason":"worker-lost"}'],
      ['3-2', 'started', '{"attempt":3,"model":"openai:test"}'],
    ]);
  });

  it('gives the same lease the attempt it has, when its reply was lost and it asks again', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    expect((await d.begin(id, 'token')).attempt).toBe(1);
    expect((await d.begin(id, 'token')).attempt).toBe(1);
    expect(await d.log(id)).toHaveLength(2);
  });

  it('refuses a job that has ended, is gone, has used its attempts, or asked to fail after output', async () => {
    await using d = LogHarness.single(server.url, { maxAttempts: 1 });
    expect(await d.starter.begin('default.no-such-job-here', 'r')).toEqual({ kind: 'missing' });

    const ended = await d.job();
    await d.canceller.cancel(ended, 'owner');
    expect(await d.starter.begin(ended, 'r')).toEqual({ kind: 'ended' });

    const worn = await d.job();
    await d.begin(worn);
    expect(await d.starter.begin(worn, 'r2')).toEqual({ kind: 'refused', reason: 'too-many-attempts' });

    const said = await d.job({ onCrash: 'fail' });
    const writer = await d.begin(said);
    say(writer, 'a');
    await writer.flush();
    expect(await d.starter.begin(said, 'r2')).toEqual({ kind: 'refused', reason: 'has-output' });
    await d.starter.fail(said, { code: 'WORKER_LOST', message: 'the worker was lost', retryable: true });
    expect(await d.reader.outline(said)).toMatchObject({ status: 'failed', error: { code: 'WORKER_LOST' } });
    expect((await d.log(said)).at(-1)?.type).toBe('error');
  });
});

describe('a job that loses its worker', () => {
  it('runs in a process of its own after the second time, and ends after the last', async () => {
    await using d = LogHarness.single(server.url, { maxAttempts: 4 });
    const id = await d.job();
    expect(await d.starter.begin(id, 'r1')).toMatchObject({ kind: 'begun', attempt: 1 });
    expect(await d.starter.begin(id, 'r2')).toMatchObject({ kind: 'begun', attempt: 2 });
    expect(await d.starter.begin(id, 'r3')).toEqual({ kind: 'alone' });
    // the refusal has changed nothing
    expect(await d.starter.begin(id, 'r3')).toEqual({ kind: 'alone' });
    expect(await d.starter.begin(id, 'r3', { isAlone: true })).toMatchObject({ kind: 'begun', attempt: 3 });
    expect(await d.starter.begin(id, 'r4', { isAlone: true })).toMatchObject({ kind: 'begun', attempt: 4 });
    expect(await d.starter.begin(id, 'r5')).toEqual({ kind: 'refused', reason: 'too-many-attempts' });
  });

  it('has one attempt alone, however few it may have', async () => {
    await using d = LogHarness.single(server.url, { maxAttempts: 2 });
    const id = await d.job();
    await d.starter.begin(id, 'r1');
    expect(await d.starter.begin(id, 'r2')).toEqual({ kind: 'alone' });
  });

  it('is not worn out by being handed over', async () => {
    await using d = LogHarness.single(server.url, { maxAttempts: 2 });
    const id = await d.job();
    for (let attempt = 1; attempt <= 5; attempt++) {
      const begun = await d.starter.begin(id, `r${attempt}`);
      if (begun.kind !== 'begun') throw new Error(begun.kind);
      expect(await begun.writer.release('handover')).toBe('released');
    }
  });

  it('counts a release by a crashing worker once, however often it is sent', async () => {
    await using d = LogHarness.single(server.url, { maxAttempts: 3 });
    const id = await d.job();
    const writer = await d.begin(id);
    await writer.release('worker-lost');
    await writer.release('worker-lost');
    expect(await d.redis.hget(d.keys.record(id), 'losses')).toBe('1');
    expect(await d.starter.begin(id, 'r2')).toMatchObject({ kind: 'begun', attempt: 2 });
  });
});

describe('an attempt', () => {
  it('knows why it began', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    const begin = async () => {
      const begun = await d.starter.begin(id, crypto.randomUUID(), { isAlone: true });
      if (begun.kind !== 'begun') throw new Error(begun.kind);
      return begun;
    };
    expect((await begin()).reason).toBe('first');
    const lost = await begin();
    expect(lost.reason).toBe('worker-lost');
    await lost.writer.release('handover');
    expect((await begin()).reason).toBe('handover');
    await d.redis.del(d.keys.log(id));
    expect((await begin()).reason).toBe('log-lost');

    const answering = await d.starter.begin(await d.job({ resume: 'yes' }), 'one');
    expect(answering).toMatchObject({ kind: 'begun', reason: 'resume' });
  });
});

describe('append', () => {
  it('of an empty text stores no event, and the next one follows on what is there', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    const writer = await d.begin(id);
    say(writer, 'before');
    await writer.flush();
    say(writer, '');
    await writer.flush();
    say(writer, 'after');
    await writer.done(DONE);
    expect((await d.log(id)).map(({ id, type }) => `${id} ${type}`)).toEqual([
      ...['0-1 accepted', '1-1 started', '1-2 text', '1-3 text', '1-4 done'],
    ]);
  });

  it('keeps the time of the first token, whatever comes after it', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    const writer = await d.begin(id);
    say(writer, 'first');
    await writer.flush();
    const longAgo = 1_000;
    await d.redis.hset(d.keys.record(id), 'firstTokenAt', longAgo);
    say(writer, 'second');
    await writer.flush();
    expect((await d.reader.outline(id))?.firstTokenAt).toBe(longAgo);
  });
});

describe('one terminal event', () => {
  it('is all that a race of done, cancels and failure leaves, whoever wins', async () => {
    await using d = LogHarness.single(server.url);
    for (let round = 0; round < 50; round++) {
      const id = await d.job();
      const writer = await d.begin(id);
      say(writer, 'text');
      await writer.flush();
      const cancel = () => d.canceller.cancel(id, 'owner');
      const failed = { code: 'WORKER_LOST', message: 'm', retryable: true } as const;
      const race = [() => writer.done(DONE), cancel, cancel, () => d.starter.fail(id, failed)];
      await Promise.allSettled(shuffled(race).map((start) => start()));
      const log = await d.log(id);
      expect(log.filter(({ type }) => isTerminal(type))).toHaveLength(1);
      expect(isTerminal(log.at(-1)?.type ?? 'text')).toBe(true);
      const record = await d.reader.outline(id);
      expect(record?.lastEventId).toBe(log.at(-1)?.id);
      const types: Record<string, string> = { completed: 'done', cancelled: 'cancelled', failed: 'error' };
      expect(log.at(-1)?.type).toBe(types[record?.status ?? '']);
    }
  });

  it('is cancelled, with nothing after it, when a cancel meets a job that is queued, running or dead', async () => {
    await using d = LogHarness.single(server.url);
    const queued = await d.job();
    expect(await d.canceller.cancel(queued, 'owner')).toMatchObject({ kind: 'cancelled' });
    expect(await d.canceller.cancel(queued, 'owner')).toMatchObject({ kind: 'already-cancelled' });

    const running = await d.job();
    const writer = await d.begin(running);
    say(writer, 'before');
    await writer.flush();
    expect(await d.canceller.cancel(running, 'admin')).toMatchObject({ kind: 'cancelled' });
    say(writer, 'after');
    await expect(writer.flush()).rejects.toMatchObject({ code: 'JOB_CLOSED' });
    const log = await d.log(running);
    expect(textOf(log)).toBe('before');
    expect(log.at(-1)).toEqual({ id: '1-3', type: 'cancelled', data: '{"by":"admin"}' });

    const finished = await d.job();
    await (await d.begin(finished)).done(DONE);
    expect(await d.canceller.cancel(finished, 'owner')).toEqual({ kind: 'finished' });
  });

  it('does not come from another tenant: its id is another job, or none (law 14)', async () => {
    await using d = LogHarness.single(server.url);
    const own = await d.job();
    expect(await d.canceller.cancel(jobRef('other', idOf(own)), 'owner')).toEqual({ kind: 'not-found' });
    expect(await d.canceller.cancel('default.no-such-job-here', 'owner')).toEqual({ kind: 'not-found' });
    expect((await d.reader.outline(own))?.status).toBe('queued');
  });

  it('tells a cancel what the record says now, even if it has changed since, and the same when repeated', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    const writer = await d.begin(id);
    say(writer, 'a');
    await writer.flush();
    const cancel = await d.canceller.cancel(id, 'owner');
    const outline = await d.reader.outline(id);
    expect(cancel).toMatchObject({
      kind: 'cancelled',
      end: {
        attempt: 1,
        lastEventId: '1-3',
        startedAt: outline?.startedAt,
        firstTokenAt: outline?.firstTokenAt,
        finishedAt: outline?.finishedAt,
      },
    });
    expect(await d.canceller.cancel(id, 'owner')).toEqual({ ...cancel, kind: 'already-cancelled' });
  });

  it('deletes the request, however the job ended, and reports what is kept', async () => {
    await using d = LogHarness.single(server.url);
    const prompt = 'x'.repeat(100_000);
    const request = { messages: [{ role: 'user' as const, content: prompt }] };
    const [done, cancelled, given] = [await d.job(request), await d.job(request), await d.job(request)];
    const writer = await d.begin(done);
    await writer.done(DONE);
    const cancel = await d.canceller.cancel(cancelled, 'owner');
    const gaveUp = await d.starter.fail(given, { code: 'WORKER_LOST', message: 'm', retryable: true });
    const kept = [writer.keptBytes, cancel.kind === 'cancelled' && cancel.end.keptBytes, gaveUp];
    for (const [place, ended] of [done, cancelled, given].entries()) {
      expect(await d.redis.hexists(d.keys.record(ended), 'request')).toBe(0);
      const outline = await d.reader.outline(ended);
      const inLog = (await d.log(ended)).reduce((sum, { data }) => sum + data.length, 0);
      expect(outline?.bytes).toMatchObject({ request: 0, log: inLog });
      expect(kept[place]).toBe((outline?.bytes.kept ?? 0) + inLog);
      expect(kept[place]).toBeLessThan(10_000);
    }
  });
});

describe('a job that ends with an answer for machines', () => {
  it('keeps its output and its questions, which count as what it keeps', async () => {
    await using d = LogHarness.single(server.url);
    const [plain, full] = [await d.job(), await d.job()];
    const first = await d.begin(plain);
    await first.done(DONE);
    const output = { answer: 'x'.repeat(1_000) };
    const interrupts = [{ interruptId: 'i1', value: { ask: '?' }, node: 'ask' }];
    const writer = await d.begin(full);
    await writer.done(DONE, { output, interrupts, usage: { inputTokens: 9, outputTokens: 9 } });
    expect(await d.reader.outline(plain)).toMatchObject({ output: null, interrupts: [] });
    const outline = await d.reader.outline(full);
    expect(outline).toMatchObject({ output, interrupts, usage: DONE.usage });
    // the ledger has what the attempt itself used
    expect(outline?.attemptUsage.get(1)).toEqual({ inputTokens: 9, outputTokens: 9 });
    expect(writer.keptBytes).toBe((outline?.bytes.kept ?? 0) + (outline?.bytes.log ?? 0));
    expect(Number(writer.keptBytes) - Number(first.keptBytes)).toBeGreaterThan(1_000);
  });

  it('fails when its output is larger than a log may be', async () => {
    await using d = LogHarness.single(server.url, { maxBytes: 1_000 });
    const writer = await d.begin(await d.job());
    await expect(writer.done(DONE, { output: 'x'.repeat(1_000) })).rejects.toThrow(LogLimitExceeded);
    await writer.fail({ code: 'MODEL_ERROR', message: 'too large', retryable: false });
  });
});

describe('a job of a thread', () => {
  it('begins only for a worker that has asked the thread', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job({ threadId: 't1' });
    expect(await d.starter.begin(id, 'a')).toMatchObject({ kind: 'in-thread', request: { threadId: 't1' } });
    expect(await d.reader.outline(id)).toMatchObject({ status: 'queued', attempt: 0, threadId: 't1' });
    expect(await d.starter.begin(id, 'a', { isNext: true })).toMatchObject({ kind: 'begun', attempt: 1 });
    // the reply was lost, and the worker asks again from the start
    expect(await d.starter.begin(id, 'a')).toMatchObject({ kind: 'begun', attempt: 1 });
    await d.canceller.cancel(id, 'owner');
    expect(await d.starter.begin(id, 'b')).toEqual({ kind: 'ended' });
  });
});

describe('what is stored is published (law 3)', () => {
  it('each event once, in one message with its siblings, even when an append is sent twice', async () => {
    await using d = LogHarness.single(server.url);
    const subscriber = d.connection();
    const id = jobRef('default', 'published-request-id');
    const heard: string[] = [];
    const terminal = new Promise<void>((resolve) => {
      subscriber.on('message', (_channel, payload: string) => {
        const lines = payload.split('\n').slice(1);
        heard.push(...lines);
        if (lines.some((line) => line.includes(' done '))) resolve();
      });
    });
    await subscriber.subscribe(d.keys.channel(id));
    await d.job({}, id);
    await d.begin(id, 'one');
    const run = scriptsOf(d.redis);
    const args = ['PUBLISH', 60_000, 1, 'one', 2, 100, 1_000, 'text', '{"text":"a"}'];
    for (let sent = 0; sent < 3; sent++) await run('append', d.keys.ofJob(id), args);
    await (await d.begin(id, 'two')).done(DONE);
    await terminal;
    expect(heard).toEqual((await d.log(id)).map((event) => `${event.id} ${event.type} ${event.data}`));
  });
});

describe('the fence (law 2)', () => {
  it('holds for a close whose seq would fit the log', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    const zombie = await d.begin(id);
    await d.begin(id);
    await expect(zombie.done(DONE)).rejects.toMatchObject({ code: 'ATTEMPT_FENCED' });
    expect((await d.reader.outline(id))?.status).toBe('active');
  });

  it('holds for an attempt that has released its job', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    await (await d.begin(id, 'token')).release('handover');
    const args = ['PUBLISH', 60_000, 1, 'token', 2, 100, 1_000, 'text', '{"text":"a"}'];
    expect(await scriptsOf(d.redis)('append', d.keys.ofJob(id), args)).toBe(-1);
  });

  it('holds between two attempts of the same number, when a fail-over lost the begin of the first', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    const backup = await d.redis.hgetall(d.keys.record(id));
    const first = await d.begin(id, 'first');
    await d.redis.del(d.keys.record(id));
    await d.redis.hset(d.keys.record(id), backup);
    await d.loseAfter(id, '0-1');
    const second = await d.begin(id, 'second');
    expect(second.attempt).toBe(first.attempt);
    say(first, 'lost');
    await expect(first.flush()).rejects.toMatchObject({ code: 'ATTEMPT_FENCED' });
    expect(await first.release('log-lost')).toBe('fenced');
    await expect(first.done(DONE)).rejects.toThrow();
    say(second, 'kept');
    await second.done(DONE);
    expect(textOf(await d.log(id))).toBe('kept');
  });
});

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}

describe('what attempts use', () => {
  const usage = (inputTokens: number, outputTokens: number) => ({ inputTokens, outputTokens });
  const usageOf = async (d: LogHarness, id: JobRef) => [...((await d.reader.outline(id))?.attemptUsage ?? [])];

  it('is kept for each, whether it completed, failed, handed over, was superseded or cancelled', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    const superseded = await d.begin(id);
    const handedOver = await d.begin(id);
    await handedOver.release('handover', usage(2, 20));
    const last = await d.begin(id);
    await superseded.recordUsage(usage(1, 10));
    await last.done({ ...DONE, usage: usage(3, 30) });
    expect(await usageOf(d, id)).toEqual([
      [1, usage(1, 10)],
      [2, usage(2, 20)],
      [3, usage(3, 30)],
    ]);
    expect((await d.reader.outline(id))?.usage).toEqual(usage(3, 30));

    const failing = await d.job();
    await (await d.begin(failing)).fail({ code: 'MODEL_ERROR', message: 'm', retryable: false }, usage(4, 40));
    expect(await usageOf(d, failing)).toEqual([[1, usage(4, 40)]]);

    const [cancelled, late] = [await d.job(), await d.job()];
    const writers = [await d.begin(cancelled), await d.begin(late)] as const;
    for (const each of [cancelled, late]) await d.canceller.cancel(each, 'owner');
    await writers[0].recordUsage(usage(5, 50));
    // a hand-over that comes too late for the job still counts
    expect(await writers[1].release('handover', usage(6, 60))).toBe('ended');
    expect(await usageOf(d, cancelled)).toEqual([[1, usage(5, 50)]]);
    expect(await usageOf(d, late)).toEqual([[1, usage(6, 60)]]);
  });

  it('is counted once when its report is sent twice, and creates no record for a job that is gone', async () => {
    await using d = LogHarness.single(server.url);
    const [id, gone] = [await d.job(), await d.job()];
    const [writer, orphan] = [await d.begin(id), await d.begin(gone)];
    await d.redis.del(d.keys.record(gone));
    await Promise.all([writer.recordUsage(usage(1, 2)), writer.recordUsage(usage(1, 2))]);
    await orphan.recordUsage(usage(1, 2));
    expect(await usageOf(d, id)).toEqual([[1, usage(1, 2)]]);
    expect(await d.redis.exists(d.keys.record(gone))).toBe(0);
  });

  it('is unknown for an attempt that did not report it', async () => {
    await using d = LogHarness.single(server.url);
    const id = await d.job();
    await (await d.begin(id)).release('handover');
    await (await d.begin(id)).fail({ code: 'MODEL_ERROR', message: 'm', retryable: false });
    expect(await usageOf(d, id)).toEqual([]);
  });
});

describe('the trace context of a job', () => {
  it('is handed to each of its attempts, and is null for a job without one', async () => {
    await using d = LogHarness.single(server.url);
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const [traced, plain] = [jobRef('default', newRequestId()), await d.job()];
    const job = { ref: traced, fingerprint: 'f', request: REQUEST, metadata: {}, traceparent };
    await d.opener.open(new NewJob(job));
    expect(await d.starter.begin(traced, 'one')).toMatchObject({ kind: 'begun', attempt: 1, traceparent });
    expect(await d.starter.begin(traced, 'one')).toMatchObject({ kind: 'begun', attempt: 1, traceparent });
    expect(await d.starter.begin(traced, 'two')).toMatchObject({ kind: 'begun', attempt: 2, traceparent });
    expect(await d.starter.begin(plain, 'one')).toMatchObject({ kind: 'begun', traceparent: null });
  });
});
