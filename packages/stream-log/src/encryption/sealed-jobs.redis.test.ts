import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type EventId, type JobRef, jobRef, ModelPrices, newRequestId } from '@millrace/contracts';
import { eventually, startRedis, startRedisCluster, type TestRedis } from '@millrace/testing';
import { Redis } from 'ioredis';
import { AttemptStarter } from '../attempt/attempt-starter.ts';
import { JobReader } from '../log/job-reader.ts';
import { NewJob } from '../log/new-job.ts';
import { saidBy } from '../log/said.ts';
import { FairQueue } from '../registry/fair-queue.ts';
import { UsageLedger } from '../registry/usage-ledger.ts';
import { UsageSettlement } from '../registry/usage-settlement.ts';
import { DONE, LogHarness, REQUEST, Recorder, say } from '../testing/log-harness.ts';
import { type KeyWrapper, MasterKey } from './master-keys.ts';

const WORDS = ['heron', 'kestrel', 'plover', 'dunlin', 'siskin', 'bittern', 'wigeon', 'ouzel', 'curlew'] as const;
const [PROMPT, LABEL, HOOK, TEXT, THOUGHT, CALL, RESULT, OUTPUT, QUESTION] = WORDS;

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

function wrappers(): ReadonlyMap<string, KeyWrapper> {
  return new Map([['m1', new MasterKey('m1', randomBytes(32).toString('base64'))]]);
}

function encrypted(): LogHarness {
  return LogHarness.single(server.url, {}, wrappers());
}

async function wordyJob(d: LogHarness): Promise<JobRef> {
  const ref = jobRef('default', newRequestId());
  const request = {
    ...REQUEST,
    messages: [{ role: 'user' as const, content: PROMPT }],
    webhook: `https://hooks.example/${HOOK}`,
  };
  const parts = { ref, fingerprint: 'f', request, metadata: { label: LABEL } };
  await d.opener.open(new NewJob(parts, await d.opener.sealerOf(ref)));
  return ref;
}

/** Has a worker say every word. */
async function runWordyJob(d: LogHarness, ref: JobRef): Promise<void> {
  const writer = await d.begin(ref);
  say(writer, TEXT);
  await writer.flush();
  writer.emit({ type: 'reasoning', data: { text: THOUGHT } });
  writer.emit({ type: 'tool_call', data: { callId: '1', name: 't', arguments: JSON.stringify({ q: CALL }) } });
  writer.emit({ type: 'tool_result', data: { callId: '1', name: 't', content: RESULT, isError: false } });
  await writer.done(DONE, { output: { answer: OUTPUT }, interrupts: [{ id: 'i', value: QUESTION }] as never });
}

/** All that Redis holds of a deployment, as bytes. */
async function dumpOf(redis: Redis, prefix: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (const key of await redis.keys('*')) {
    if (!key.includes(prefix)) continue;
    parts.push(Buffer.from(key));
    // DUMP compresses long texts
    const type = await redis.type(key);
    const value =
      type === 'hash' ? await redis.hgetall(key) : type === 'stream' ? await redis.xrange(key, '-', '+') : '';
    parts.push(Buffer.from(JSON.stringify(value)));
  }
  return Buffer.concat(parts);
}

/** Changes a character of what is sealed. */
function broken(sealed: string): string {
  const place = Math.floor(sealed.length / 2);
  return `${sealed.slice(0, place)}${sealed[place] === 'A' ? 'B' : 'A'}${sealed.slice(place + 1)}`;
}

/** Replaces the data of an event in the log. */
async function replaceEvent(d: LogHarness, ref: JobRef, id: EventId, change: (data: string) => string): Promise<void> {
  const log = await d.redis.xrange(d.keys.log(ref), '-', '+');
  await d.redis.del(d.keys.log(ref));
  for (const [each, [type = '', data = '']] of log) {
    await d.redis.xadd(d.keys.log(ref), each, type, each === id ? change(data) : data);
  }
}

describe('a job with encryption', () => {
  it('leaves none of its words in Redis or on its channel, and everybody reads all of them', async () => {
    await using d = encrypted();
    const ref = await wordyJob(d);
    const published: string[] = [];
    const listener = new Redis(server.url);
    listener.on('message', (_, message) => published.push(message));
    await listener.subscribe(d.keys.channel(ref));
    const live = await Recorder.follow(d.node(), ref);
    await runWordyJob(d, ref);
    await live.terminal();
    const late = await (await Recorder.follow(d.node(), ref)).terminal();
    await eventually(() => published.length > 2);
    listener.disconnect();

    const raw = new Redis(server.url);
    const seen = (await dumpOf(raw, d.keys.record(ref).split('{')[0] ?? '')).toString() + published.join();
    raw.disconnect();
    expect(seen).toContain(ref);
    for (const word of WORDS) expect([word, seen.includes(word)]).toEqual([word, false]);

    for (const events of [live.events, late.events]) {
      const read = JSON.stringify(events);
      for (const word of [TEXT, THOUGHT, CALL, RESULT]) expect(read).toContain(word);
    }
    expect(live.ids).toEqual(late.ids);
    const outline = await d.reader.outline(ref);
    expect(outline).toMatchObject({
      metadata: { label: LABEL },
      webhook: `https://hooks.example/${HOOK}`,
      output: { answer: OUTPUT },
      interrupts: [{ value: QUESTION }],
      unreadable: null,
    });
    expect(JSON.stringify(outline && (await saidBy(d.reader, outline)))).toContain(TEXT);
  });

  it('is as good on a cluster', async () => {
    await using cluster = await startRedisCluster();
    await using d = LogHarness.cluster(cluster.ports, wrappers());
    const refs = await Promise.all(Array.from({ length: 6 }, () => wordyJob(d)));
    const recorders = await Promise.all(refs.map((ref) => Recorder.follow(d.node(), ref)));
    await Promise.all(refs.map((ref) => runWordyJob(d, ref)));
    for (const recorder of recorders) expect((await recorder.terminal()).text).toBe(TEXT);
  });

  it('fails with an error, which only its readers can read', async () => {
    await using d = encrypted();
    const ref = await d.job();
    const writer = await d.begin(ref);
    await writer.fail({ code: 'MODEL_ERROR', message: `no ${TEXT}`, retryable: false });
    expect(await d.redis.hget(d.keys.record(ref), 'error')).not.toContain(TEXT);
    expect((await d.reader.outline(ref))?.error?.message).toBe(`no ${TEXT}`);
    expect((await (await Recorder.follow(d.node(), ref)).terminal()).events.at(-1)?.data).toContain(TEXT);
  });

  it('is taken over, and the next attempt seals on', async () => {
    await using d = encrypted();
    const ref = await d.job();
    const recorder = await Recorder.follow(d.node(), ref);
    const first = await d.begin(ref);
    say(first, 'lost');
    await first.flush();
    const second = await d.begin(ref);
    say(second, 'kept');
    await second.done(DONE);
    expect((await recorder.terminal()).text).toBe('kept');
    expect(await d.text(ref)).toBe('kept');
  });

  it('is made once by the same request, and refused to another', async () => {
    await using d = encrypted();
    const ref = jobRef('default', newRequestId());
    const open = async (fingerprint: string) =>
      d.opener.open(new NewJob({ ref, fingerprint, request: REQUEST, metadata: {} }, await d.opener.sealerOf(ref)));
    expect(await open('f')).not.toBeNull();
    expect(await open('f')).toBeNull();
    await expect(open('g')).rejects.toThrow();
    const stored = { ref, fingerprint: (await d.redis.hget(d.keys.record(ref), 'fingerprint')) ?? '' };
    expect(stored.fingerprint).not.toBe('f');
    expect(await d.opener.isMadeBy(stored, 'f')).toBe(true);
    expect(await d.opener.isMadeBy(stored, 'g')).toBe(false);
  });
});

describe('a worker', () => {
  it('has a key at hand although Redis was away when it asked for it', async () => {
    const masterKeys = wrappers();
    await using d = LogHarness.single(server.url, {}, masterKeys);
    const ref = await wordyJob(d);
    const cipher = d.cipherWith(masterKeys);
    const warm = cipher.warm.bind(cipher);
    let asked = 0;
    cipher.warm = (tenant) => (asked++ === 0 ? Promise.reject(new Error('Connection is closed.')) : warm(tenant));
    const begun = await new AttemptStarter(d.redis, d.keys, d.limits, { cipher }).begin(ref, newRequestId());
    expect([begun.kind, asked]).toEqual(['begun', 2]);
  });
});

describe('a job from before encryption', () => {
  it('stays readable, and goes on encrypted', async () => {
    await using plain = LogHarness.single(server.url);
    const ref = await plain.job();
    const before = await plain.begin(ref);
    say(before, 'plain ');
    await before.flush();
    await before.release('handover');

    const cipher = plain.cipherWith(wrappers());
    const starter = new AttemptStarter(plain.redis, plain.keys, plain.limits, { cipher });
    const recorder = await Recorder.follow(plain.node({ cipher }), ref);
    const begun = await starter.begin(ref, newRequestId());
    if (begun.kind !== 'begun') throw new Error(begun.kind);
    say(begun.writer, TEXT);
    await begun.writer.done(DONE);
    expect((await recorder.terminal()).text).toBe(TEXT);
    expect(recorder.events.some(({ data }) => data.includes('plain'))).toBe(true);
    expect(JSON.stringify(await plain.redis.xrange(plain.keys.log(ref), '-', '+'))).not.toContain(TEXT);
    expect((await new JobReader(plain.redis, plain.keys, cipher).outline(ref))?.unreadable).toBeNull();
  });
});

describe('what was altered', () => {
  it('ends the readers of that job, and of no other', async () => {
    await using d = encrypted();
    const [ref, other] = [await wordyJob(d), await wordyJob(d)];
    await Promise.all([runWordyJob(d, ref), runWordyJob(d, other)]);
    await replaceEvent(d, ref, '1-2', broken);
    const node = d.node();
    const reader = await (await Recorder.follow(node, ref)).terminal();
    expect(reader.types.at(-1)).toBe('error');
    expect(reader.events.at(-1)?.data).toContain('cannot be decrypted');
    expect((await (await Recorder.follow(node, other)).terminal()).text).toBe(TEXT);
    expect(await saidBy(d.reader, (await d.reader.outline(ref)) ?? (undefined as never))).toBeNull();
  });

  it('is an event of another job, or of another place in the same log', async () => {
    await using d = encrypted();
    const [ref, other] = [await d.job(), await d.job()];
    for (const each of [ref, other]) {
      const writer = await d.begin(each);
      for (const text of ['a', 'b']) {
        say(writer, text);
        await writer.flush();
      }
      await writer.done(DONE);
    }
    const [theirs, ours] = await Promise.all([other, ref].map((each) => d.redis.xrange(d.keys.log(each), '-', '+')));
    const dataOf = (log: typeof theirs, id: EventId) => log?.find(([each]) => each === id)?.[1][1] ?? '';
    for (const moved of [dataOf(theirs, '1-2'), dataOf(ours, '1-3')]) {
      expect(moved.startsWith('~')).toBe(true);
      await replaceEvent(d, ref, '1-2', () => moved);
      await expect(d.log(ref)).rejects.toMatchObject({ reason: 'altered' });
    }
  });

  it('is noticed by a reader that follows live', async () => {
    await using d = encrypted();
    const ref = await d.job();
    const recorder = await Recorder.follow(d.node(), ref);
    const writer = await d.begin(ref);
    say(writer, 'a');
    await writer.flush();
    await recorder.until(({ text }) => text === 'a');
    const [last] = await d.redis.xrevrange(d.keys.log(ref), '+', '-', 'COUNT', 1);
    // as the script would store and publish it
    const forged = broken(last?.[1][1] ?? '');
    await d.redis.xadd(d.keys.log(ref), '1-3', 'text', forged);
    await d.redis.hset(d.keys.record(ref), 'seq', 3);
    await d.redis.publish(d.keys.channel(ref), `1-2 -\n1-3 text ${forged}`);
    expect((await recorder.terminal()).types.at(-1)).toBe('error');
  });

  it('is the request: the job does not begin, and can be ended', async () => {
    await using d = encrypted();
    const ref = await d.job();
    await d.redis.hset(
      d.keys.record(ref),
      'request',
      broken((await d.redis.hget(d.keys.record(ref), 'request')) ?? ''),
    );
    const begun = await d.starter.begin(ref, newRequestId());
    expect(begun).toEqual({ kind: 'refused', reason: 'unreadable' });
    await d.starter.fail(ref, { code: 'INTERNAL', message: 'm', retryable: false });
    expect((await d.reader.outline(ref))?.status).toBe('failed');
  });

  it('is a field of a record: the outline says so, and has the rest', async () => {
    await using d = encrypted();
    const [ref, other] = [await wordyJob(d), await wordyJob(d)];
    // another job’s, in the right field
    await d.redis.hset(d.keys.record(ref), 'metadata', (await d.redis.hget(d.keys.record(other), 'metadata')) ?? '');
    const [outline, theirs] = await d.reader.outlines([ref, other]);
    expect(outline).toMatchObject({ status: 'queued', metadata: {}, webhook: null, unreadable: { reason: 'altered' } });
    expect(theirs).toMatchObject({ metadata: { label: LABEL }, unreadable: null });
  });
});

describe('a key that is gone', () => {
  it('takes all that it has sealed with it', async () => {
    await using d = encrypted();
    const ref = await wordyJob(d);
    await runWordyJob(d, ref);
    await d.cipher.destroy('default');
    expect((await d.reader.outline(ref))?.unreadable?.reason).toBe('destroyed');
    const recorder = await (await Recorder.follow(d.node(), ref)).terminal();
    expect(recorder.types.at(-1)).toBe('error');
    const next = await wordyJob(d);
    await runWordyJob(d, next);
    expect(await d.text(next)).toBe(TEXT);
  });
});

describe('a key that cannot be had for a time', () => {
  it('keeps a job from beginning and its readers from following, harms no other tenant, and nothing is lost', async () => {
    const real = new MasterKey('kms', randomBytes(32).toString('base64'));
    await using d = LogHarness.single(server.url, {}, new Map<string, KeyWrapper>([['kms', real]]));
    const theirs = jobRef('other', newRequestId());
    const ref = await wordyJob(d);
    await d.job({}, theirs);
    let isAway = true;
    const kms: KeyWrapper = {
      wrap: (tenant, bytes) => real.wrap(tenant, bytes),
      unwrap: async (tenant, bytes) => {
        if (isAway && tenant === 'default') throw new Error('away');
        return real.unwrap(tenant, bytes);
      },
    };
    const cipher = d.cipherWith(new Map([['kms', kms]]));
    const starter = new AttemptStarter(d.redis, d.keys, d.limits, { cipher });
    await expect(starter.begin(ref, newRequestId())).rejects.toMatchObject({ reason: 'unavailable' });
    await expect(Recorder.follow(d.node({ cipher }), ref)).rejects.toMatchObject({ reason: 'unavailable' });
    expect((await starter.begin(theirs, newRequestId())).kind).toBe('begun');
    expect((await d.reader.outline(ref))?.attempt).toBe(0);
    isAway = false;
    const begun = await eventually(async () => {
      try {
        return await starter.begin(ref, newRequestId());
      } catch {
        return undefined;
      }
    });
    expect(begun).toMatchObject({ kind: 'begun', request: { messages: [{ content: PROMPT }] } });
  });

  it('costs a job from before encryption no attempt, and one that is gone leaves no key', async () => {
    await using plain = LogHarness.single(server.url);
    const ref = await plain.job();
    const real = new MasterKey('kms', randomBytes(32).toString('base64'));
    let isAway = true;
    const kms: KeyWrapper = {
      wrap: async (tenant, bytes) => {
        if (isAway) throw new Error('away');
        return real.wrap(tenant, bytes);
      },
      unwrap: (tenant, bytes) => real.unwrap(tenant, bytes),
    };
    const cipher = plain.cipherWith(new Map([['kms', kms]]));
    const starter = new AttemptStarter(plain.redis, plain.keys, plain.limits, { cipher });
    await expect(starter.begin(ref, newRequestId())).rejects.toMatchObject({ reason: 'unavailable' });
    expect((await plain.reader.outline(ref))?.attempt).toBe(0);
    isAway = false;
    expect((await starter.begin(jobRef('gone', newRequestId()), newRequestId())).kind).toBe('missing');
    expect(await plain.redis.hlen(plain.keys.dataKeys)).toBe(0);
    expect(await starter.begin(ref, newRequestId())).toMatchObject({ kind: 'begun', attempt: 1 });
  });

  it('keeps the usage of no other job from being settled', async () => {
    await using d = encrypted();
    const ledger = new UsageLedger(d.redis, d.keys);
    const fairQueue = new FairQueue(d.redis, d.keys, d.limits);
    const limits = { maxQueued: 100, maxOpenPerTenant: 100, maxStoredBytesPerTenant: 1e9, maxTokensPerDay: null };
    const lost = async (tenant: string) => {
      const ref = jobRef(tenant, newRequestId());
      const metered = { pipeline: 'chat', model: REQUEST.model, reservedTokens: 7 };
      await fairQueue.admit({ ref, keptBytes: 1, requestBytes: 1, metered }, limits);
      await d.job({}, ref);
      // its worker dies
      const writer = await d.begin(ref);
      say(writer, 'a');
      await writer.flush();
      await d.canceller.cancel(ref, 'owner');
      await fairQueue.retire({ ref, keptBytes: 1, usage: { total: 1, attempts: {} } });
      return ref;
    };
    const unreadable = [await lost('away'), await lost('away'), await lost('away')];
    await lost('here');
    const away: KeyWrapper = {
      wrap: () => Promise.reject(new Error('away')),
      unwrap: () => Promise.reject(new Error('away')),
    };
    const stored = (await d.redis.hget(d.keys.dataKeys, 'away')) ?? '';
    await d.redis.hset(d.keys.dataKeys, 'away', stored.replace(' m1 ', ' kms '));
    const cipher = d.cipherWith(new Map<string, KeyWrapper>([...d.wrappers, ['kms', away]]));
    const reader = new JobReader(d.redis, d.keys, cipher);
    const settlement = new UsageSettlement(ledger, reader, new ModelPrices({}));
    // two fill a page
    expect(await settlement.sweep(2, { olderThanMs: -60_000 })).toBe(1);
    expect(new Set(await ledger.unsettled(-60_000, 10))).toEqual(new Set(unreadable));
    expect(await settlement.sweep(2, { olderThanMs: -60_000 })).toBe(0);
  });
});
