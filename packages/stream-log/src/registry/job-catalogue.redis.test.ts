import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type JobRef, jobRef, newRequestId } from '@millrace/contracts';
import { startRedis, type TestRedis } from '@millrace/testing';
import { NewJob } from '../log/new-job.ts';
import { DONE, LogHarness, REQUEST, say } from '../testing/log-harness.ts';
import { FairQueue } from './fair-queue.ts';
import { JobCatalogue } from './job-catalogue.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const ROOMY = { maxQueued: 1_000, maxOpenPerTenant: 1_000, maxStoredBytesPerTenant: 1_000_000 };
const sized = (ref: JobRef) => ({ ref, keptBytes: 100, requestBytes: 50 });

function catalogueOf(d: LogHarness, limits = d.limits) {
  return { catalogue: new JobCatalogue(d.redis, d.keys, d.reader), fairQueue: new FairQueue(d.redis, d.keys, limits) };
}

describe('the catalogue of jobs', () => {
  it('lists each job once, newest first, page by page, for a tenant or for all', async () => {
    await using d = LogHarness.single(server.url);
    const { catalogue, fairQueue } = catalogueOf(d);
    for (let i = 0; i < 10; i++) await fairQueue.admit(sized(jobRef(i % 2 ? 'odd' : 'even', `j${i}`)), ROOMY);
    const seen: JobRef[] = [];
    let cursor: string | undefined;
    do {
      const page = await catalogue.list({ tenant: null, limit: 3, cursor });
      seen.push(...page.refs);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen.map((ref) => ref.split('.')[1])).toEqual(['j9', 'j8', 'j7', 'j6', 'j5', 'j4', 'j3', 'j2', 'j1', 'j0']);
    const odd = (await catalogue.list({ tenant: 'odd', limit: 10 })).refs;
    expect(odd).toEqual(['odd.j9', 'odd.j7', 'odd.j5', 'odd.j3', 'odd.j1']);
  });

  it('lists what a sweep must check', async () => {
    await using d = LogHarness.single(server.url);
    const { catalogue, fairQueue } = catalogueOf(d);
    for (const ref of ['t.x', 't.y'] as const) await fairQueue.admit(sized(ref), ROOMY);
    expect((await catalogue.open({ olderThanMs: 0, limit: 10 })).refs).toEqual(['t.x', 't.y']);
    expect((await catalogue.open({ olderThanMs: 60_000, limit: 10 })).refs).toEqual([]);
  });

  it('finds all tenants that hold an id, and none with a similar id', async () => {
    await using d = LogHarness.single(server.url);
    const { catalogue, fairQueue } = catalogueOf(d);
    for (const ref of ['a.same', 'b-2.same', 'a.same1', 'a.sam', 'a.same-'] as const)
      await fairQueue.admit(sized(ref), ROOMY);
    expect(await catalogue.holdersOf('same')).toEqual(['a.same', 'b-2.same']);
    expect(await catalogue.holdersOf('sa')).toEqual([]);
  });

  it('lists a job until its record is gone, and then holds nothing of it', async () => {
    await using d = LogHarness.single(server.url);
    const { catalogue, fairQueue } = catalogueOf(d, { ...d.limits, recordRetentionMs: 300, logRetentionMs: 300 });
    const listed = async () => (await catalogue.list({ tenant: null, limit: 10 })).refs;
    const refs = ['early.early', 'again.again', 'open.open'] as const;
    const [early, again, open] = refs;
    for (const ref of refs) await fairQueue.admit(sized(ref), ROOMY);
    await fairQueue.retire({ ref: early, keptBytes: 100 });
    await fairQueue.retire({ ref: again, keptBytes: 100 });
    expect([await catalogue.purgeExpired(10), await listed()]).toEqual([0, [open, again, early]]);
    await delay(310);
    // its id comes again at the last moment, for a new job
    await fairQueue.admit(sized(again), ROOMY);
    expect([await catalogue.purgeExpired(10), await listed()]).toEqual([1, [again, open]]);
    expect((await catalogue.list({ tenant: 'early', limit: 10 })).refs).toEqual([]);
    expect(await catalogue.holdersOf('early')).toEqual([]);
    expect([await catalogue.storedBytesOf('early'), await catalogue.storedBytesOf('again')]).toEqual([0, 150]);
    expect(await d.redis.exists(d.keys.expiringJobs, d.keys.jobsOf('early'))).toBe(0);
  });
});

describe('what a tenant has in Redis', () => {
  it('is its prompts while they are needed, then its answers while they are kept, then its records', async () => {
    const limits = { recordRetentionMs: 60_000, logRetentionMs: 300 };
    await using d = LogHarness.single(server.url, limits);
    const { catalogue, fairQueue } = catalogueOf(d);
    const stored = () => catalogue.storedBytesOf('t');
    const request = { ...REQUEST, messages: [{ role: 'user' as const, content: 'p'.repeat(10_000) }] };
    const job = new NewJob({ ref: jobRef('t', newRequestId()), fingerprint: 'f', request, metadata: { k: 'v' } });
    await fairQueue.admit(job, ROOMY);
    await d.opener.open(job);
    expect(await stored()).toBe(job.keptBytes + job.requestBytes);
    const writer = await d.begin(job.ref);
    say(writer, 'a'.repeat(5_000));
    await writer.flush();
    const running = await d.reader.outline(job.ref);
    const { kept = 0, request: prompt = 0, log = 0 } = running?.bytes ?? {};
    await catalogue.account([{ ref: job.ref, storedBytes: kept + prompt + log }]);
    expect(log).toBeGreaterThan(5_000);
    expect(await stored()).toBe(job.keptBytes + job.requestBytes + log);
    await writer.done(DONE);
    await fairQueue.retire({ ref: job.ref, keptBytes: writer.keptBytes });
    // what a sweep saw before the end comes too late
    await catalogue.account([{ ref: job.ref, storedBytes: kept + prompt + log }]);
    expect(await stored()).toBe(writer.keptBytes);
    expect(await stored()).toBeLessThan(job.requestBytes);
    await delay(310);
    await catalogue.purgeExpired(10);
    // its usage came with the end
    const record = (await d.reader.outline(job.ref))?.bytes.kept ?? 0;
    expect(record).toBeGreaterThan(job.keptBytes);
    expect(await stored()).toBe(record);
    // no longer counted, it stays uncounted
    await catalogue.account([{ ref: 't.unknown', storedBytes: 1_000 }]);
    expect(await stored()).toBe(record);
  });
});
