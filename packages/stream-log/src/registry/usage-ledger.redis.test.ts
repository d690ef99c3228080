import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AttemptUsage, type JobRef, jobRef, ModelPrices, newRequestId } from '@millrace/contracts';
import { startRedis, startRedisCluster, type TestRedis, type TestRedisCluster } from '@millrace/testing';
import fc from 'fast-check';
import { LogHarness, say } from '../testing/log-harness.ts';
import { FairQueue } from './fair-queue.ts';
import { JobCatalogue } from './job-catalogue.ts';
import { type DayUsage, UsageLedger } from './usage-ledger.ts';
import { type UsageReport, usageOfAttempt } from './usage-report.ts';
import { UsageSettlement } from './usage-settlement.ts';

let server: TestRedis;
let cluster: TestRedisCluster;
beforeAll(async () => {
  [server, cluster] = await Promise.all([startRedis(), startRedisCluster()]);
});
afterAll(() => Promise.all([server.stop(), cluster.stop()]));

const LIMITS = { maxQueued: 1_000, maxOpenPerTenant: 1_000, maxStoredBytesPerTenant: 1e9 };
const MODEL = 'openai:test';
const PRICES = new ModelPrices({ [MODEL]: { input: 2, output: 8 }, 'openai:other*': { input: 1, output: 1 } });
const today = () => Math.floor(Date.now() / 86_400_000);

class Books {
  readonly fairQueue: FairQueue;
  readonly catalogue: JobCatalogue;
  readonly ledger: UsageLedger;
  readonly settlement: UsageSettlement;

  constructor(
    readonly d: LogHarness,
    limits = d.limits,
  ) {
    this.fairQueue = new FairQueue(d.redis, d.keys, limits);
    this.catalogue = new JobCatalogue(d.redis, d.keys, d.reader);
    this.ledger = new UsageLedger(d.redis, d.keys);
    this.settlement = new UsageSettlement(this.ledger, d.reader, PRICES);
  }

  async admit(ref: JobRef = jobRef('t', newRequestId())): Promise<JobRef> {
    const metered = { pipeline: 'chat', model: MODEL, reservedTokens: 7 };
    await this.fairQueue.admit({ ref, keptBytes: 1, requestBytes: 1, metered }, { ...LIMITS, maxTokensPerDay: 1e6 });
    return ref;
  }

  /** A job that is admitted and queued. */
  async job(ref?: JobRef): Promise<JobRef> {
    return this.d.job({}, await this.admit(ref));
  }

  async days(tenant = 't'): Promise<DayUsage[]> {
    const days: DayUsage[] = [];
    for await (const page of this.ledger.read([tenant], { from: today() - 1, to: today() + 1 })) days.push(...page);
    return days;
  }

  /** What was counted, without the zeros. */
  async sums(tenant = 't') {
    const rows = await this.days(tenant);
    return rows.map((row) =>
      Object.fromEntries(
        Object.entries(row).filter(
          ([name, count]) => name === 'model' || (typeof count === 'number' && count !== 0 && name !== 'day'),
        ),
      ),
    );
  }

  /** Settles whatever has ended by now. */
  settle(): Promise<number> {
    return this.settlement.sweep(100, { olderThanMs: -60_000 });
  }
}

function reportOf(attempts: Readonly<Record<number, AttemptUsage>>, total?: number): UsageReport {
  const counted = Object.entries(attempts).map(([number, usage]) => [
    number,
    usageOfAttempt(usage, { model: MODEL, prices: PRICES }),
  ]);
  return { ...(total === undefined ? {} : { total }), attempts: Object.fromEntries(counted) };
}

const used = (inputTokens: number, outputTokens: number, estimatedTokens?: number): AttemptUsage => ({
  ...{ inputTokens, outputTokens },
  ...(estimatedTokens === undefined ? {} : { estimatedTokens }),
});

describe.each(['server', 'cluster'])('the ledger on a %s', (kind) => {
  const harness = () => (kind === 'server' ? LogHarness.single(server.url) : LogHarness.cluster(cluster.ports));

  it('counts what an attempt has used once, however often and by whomever it is reported', async () => {
    await using d = harness();
    const books = new Books(d);
    const ref = await books.admit();
    const usage = reportOf({ 1: used(10, 5) }, 1);
    await books.ledger.meter(ref, reportOf({ 1: used(10, 5) }));
    await Promise.all([
      books.fairQueue.retire({ ref, keptBytes: 1, usage }),
      books.ledger.meter(ref, usage),
      books.fairQueue.retire({ ref, keptBytes: 1, usage }),
    ]);
    expect(await books.sums()).toEqual([
      { model: MODEL, jobs: 1, attempts: 1, inputTokens: 10, outputTokens: 5, cost: 60_000_000 },
    ]);
    expect(await books.ledger.unsettled(-60_000, 10)).toEqual([]);
  });

  it('counts every attempt, and settles from the record what nobody has reported', async () => {
    await using d = harness();
    const books = new Books(d);
    const ref = await books.job();
    const first = await d.begin(ref);
    await first.release('handover', used(3, 1));
    const second = await d.begin(ref);
    await second.fail({ code: 'MODEL_ERROR', message: 'm', retryable: false }, used(3, 4));
    await books.fairQueue.retire({ ref, keptBytes: 1, usage: reportOf({ 2: used(3, 4) }, 2) });
    expect(await books.sums()).toMatchObject([{ jobs: 1, attempts: 1, inputTokens: 3, outputTokens: 4 }]);
    expect(await books.settle()).toBe(1);
    expect(await books.sums()).toMatchObject([{ jobs: 1, attempts: 2, inputTokens: 6, outputTokens: 5 }]);
    expect(await books.settle()).toBe(0);
  });

  it('estimates an attempt whose worker died from its log and its prompt, until a report comes after all', async () => {
    await using d = harness();
    const books = new Books(d);
    const ref = await books.job();
    const frozen = await d.begin(ref);
    say(frozen, 'x'.repeat(40));
    await frozen.flush();
    const second = await d.begin(ref);
    say(second, 'another attempt, which is not the first one’s');
    await second.flush();
    await d.canceller.cancel(ref, 'owner');
    await books.fairQueue.retire({ ref, keptBytes: 1, usage: reportOf({ 2: used(1, 9) }, 2) });
    await books.settle();
    // the prompt is "hi"
    const estimate = { attempts: 2, inputTokens: 2, outputTokens: 19, estimatedTokens: 11 };
    expect(await books.sums()).toMatchObject([estimate]);
    await frozen.recordUsage(used(1, 4));
    await books.ledger.meter(ref, reportOf({ 1: used(1, 4) }));
    const [sums] = await books.sums();
    expect(sums).toEqual({ model: MODEL, jobs: 1, attempts: 2, inputTokens: 2, outputTokens: 13, cost: 108_000_000 });
  });

  it('waits for every attempt, also when one that was superseded takes itself for the last', async () => {
    await using d = harness();
    const books = new Books(d);
    const ref = await books.admit();
    await books.fairQueue.retire({ ref, keptBytes: 1, usage: { total: 2, attempts: {} } });
    await books.fairQueue.retire({ ref, keptBytes: null, usage: reportOf({ 1: used(3, 4) }, 1) });
    expect(await books.ledger.unsettled(-60_000, 10)).toEqual([ref]);
    await books.ledger.meter(ref, reportOf({ 2: used(5, 6) }));
    expect(await books.ledger.unsettled(-60_000, 10)).toEqual([]);
    expect(await books.sums()).toMatchObject([{ jobs: 1, attempts: 2, inputTokens: 8, outputTokens: 10 }]);
  });

  it('is swept to its end past a job that stays unsettled: its record says that it runs', async () => {
    await using d = harness();
    const books = new Books(d);
    const [stuck, other] = [await books.job(), await books.job()];
    for (const ref of [stuck, other]) await d.begin(ref);
    await d.canceller.cancel(other, 'owner');
    for (const ref of [stuck, other]) {
      await books.fairQueue.retire({ ref, keptBytes: 1, usage: { total: 'unknown', attempts: {} } });
    }
    expect(await books.settlement.sweep(1, { olderThanMs: -60_000 })).toBe(1);
    expect(await books.ledger.unsettled(-60_000, 10)).toEqual([stuck]);
  });

  it('keeps the sums of a job that is gone, and nothing else of it', async () => {
    await using d = harness();
    const books = new Books(d, { ...d.limits, recordRetentionMs: 0, logRetentionMs: 0 });
    const [expired, erased] = [await books.admit(), await books.admit()];
    for (const ref of [expired, erased]) {
      await books.fairQueue.retire({ ref, keptBytes: 1, usage: reportOf({ 1: used(10, 5) }, 2) });
    }
    await books.fairQueue.dropAdmission(erased);
    while ((await books.catalogue.purgeExpired(10)) > 0);
    expect(await books.sums()).toMatchObject([{ jobs: 2, attempts: 2, inputTokens: 20, outputTokens: 10 }]);
    expect(await d.redis.exists(d.keys.usageOf('t'), d.keys.unsettledJobs)).toBe(0);
    // a zombie that reports it now is not counted: it would count twice
    await books.ledger.meter(erased, reportOf({ 1: used(10, 5) }, 1));
    expect(await books.sums()).toMatchObject([{ inputTokens: 20 }]);
    expect(await d.redis.ttl(d.keys.usageOfDay('t', today()))).toBeGreaterThan(399 * 86_400);
  });
});

describe.each(['server', 'cluster'])('the tokens of a day on a %s', (kind) => {
  const harness = () => (kind === 'server' ? LogHarness.single(server.url) : LogHarness.cluster(cluster.ports));
  const asking = (books: Books, tokens: number, limit: number | null, ref: JobRef = jobRef('t', newRequestId())) =>
    books.fairQueue
      .admit(
        { ref, keptBytes: 1, requestBytes: 1, metered: { pipeline: 'chat', model: MODEL, reservedTokens: tokens } },
        { ...LIMITS, maxTokensPerDay: limit },
      )
      .then((admission) => ({ ...admission, ref }));

  it('are reserved at once or not at all, by however many ask', async () => {
    await using d = harness();
    const [books, other] = [new Books(d), new Books(d)];
    const asked = await Promise.all(
      Array.from({ length: 200 }, (_, n) => asking(n % 2 === 0 ? books : other, 10, 1_005)),
    );
    expect(asked.filter(({ outcome }) => outcome === 'admitted')).toHaveLength(100);
    expect(await books.ledger.today('t')).toEqual({ used: 0, reserved: 1_000 });
    expect(await asking(books, 6, 1_005)).toMatchObject({ outcome: 'too-many-tokens', left: 5 });
    expect(await asking(books, 5, 1_005)).toMatchObject({ outcome: 'admitted' });
    // of nobody else
    expect(await asking(books, 1_005, 1_005, jobRef('another', 'job'))).toMatchObject({ outcome: 'admitted' });
    // a limit of today that is raised, or taken back, holds at once
    expect(await asking(books, 10, 2_000)).toMatchObject({ outcome: 'admitted' });
    expect(await asking(books, 10_000, null)).toMatchObject({ outcome: 'admitted' });
    expect(await books.ledger.today('t')).toEqual({ used: 0, reserved: 1_015 });
  });

  it('are given back by a job that ends, is dropped, or expires, and used by what was counted', async () => {
    await using d = harness();
    const books = new Books(d, { ...d.limits, recordRetentionMs: 0, logRetentionMs: 0 });
    const refs = (await Promise.all(Array.from({ length: 4 }, () => asking(books, 100, 1_000)))).map(({ ref }) => ref);
    const [ended, cancelled, dropped, unsettled] = refs as [JobRef, JobRef, JobRef, JobRef];
    expect(await books.ledger.today('t')).toEqual({ used: 0, reserved: 400 });
    await books.fairQueue.retire({ ref: ended, keptBytes: 1, usage: reportOf({ 1: used(20, 5) }, 1) });
    await books.fairQueue.retire({ ref: cancelled, keptBytes: 1, usage: { total: 0, attempts: {} } });
    await books.fairQueue.dropAdmission(dropped);
    await books.fairQueue.retire({ ref: unsettled, keptBytes: 1, usage: { total: 1, attempts: {} } });
    // it may yet turn out to have used it
    expect(await books.ledger.today('t')).toEqual({ used: 25, reserved: 100 });
    while ((await books.catalogue.purgeExpired(10)) > 0);
    expect(await books.ledger.today('t')).toEqual({ used: 25, reserved: 0 });
  });

  it('are not reserved for a job that has ended: nobody would give them back', async () => {
    await using d = harness();
    const books = new Books(d);
    const { ref } = await asking(books, 100, 1_000);
    await books.fairQueue.retire({ ref, keptBytes: 1, usage: reportOf({ 1: used(20, 5) }, 1) });
    // a worker that does not know it yet
    expect(await books.ledger.reserve(ref, 300)).toBe(true);
    expect(await books.ledger.today('t')).toEqual({ used: 25, reserved: 0 });
  });

  it('are as many as was said last, also for jobs that run, admitted with another limit or none', async () => {
    await using d = harness();
    const books = new Books(d);
    const [limited, free] = [await asking(books, 100, 1_000), await asking(books, 100, null, jobRef('free', 'job'))];
    await books.ledger.limit('t', 150);
    await books.ledger.limit('free', 200);
    expect(await books.ledger.reserve(limited.ref, 151)).toBe(false);
    expect(await books.ledger.reserve(limited.ref, 150)).toBe(true);
    expect(await books.ledger.reserve(free.ref, 201)).toBe(false);
    expect(await d.redis.ttl(d.keys.usageOfDay('free', today()))).toBeGreaterThan(399 * 86_400);
    await books.ledger.limit('t', null);
    expect(await books.ledger.reserve(limited.ref, 1e9)).toBe(true);
  });

  it('are reserved by a running job as it needs more, as long as there are any', async () => {
    await using d = harness();
    const books = new Books(d);
    const { ref } = await asking(books, 100, 1_000);
    await asking(books, 300, 1_000);
    expect(await books.ledger.reserve(ref, 700)).toBe(true);
    expect(await books.ledger.reserve(ref, 50)).toBe(true);
    expect(await books.ledger.today('t')).toEqual({ used: 0, reserved: 1_000 });
    expect(await books.ledger.reserve(ref, 701)).toBe(false);
    await books.fairQueue.retire({ ref, keptBytes: 1, usage: reportOf({ 1: used(1, 800) }, 1) });
    expect(await books.ledger.today('t')).toEqual({ used: 801, reserved: 300 });
    const unlimited = await asking(books, 100, null, jobRef('free', 'job'));
    expect(await books.ledger.reserve(unlimited.ref, 1e9)).toBe(true);
  });
});

describe('the ledger', () => {
  it('says which tokens had no price, keeps models apart, and bounds their number', async () => {
    await using d = LogHarness.single(server.url);
    const books = new Books(d);
    const models = ['openai:other-1', 'openai:free of charge'].map((model) => ({
      model,
      ...used(1, 1),
      estimatedTokens: 0,
    }));
    const ref = await books.admit();
    await books.fairQueue.retire({ ref, keptBytes: 1, usage: reportOf({ 1: { ...used(2, 2), models } }, 1) });
    expect(await books.sums()).toEqual(
      expect.arrayContaining([
        { model: MODEL, jobs: 1, attempts: 1 },
        { model: 'openai:other-1', inputTokens: 1, outputTokens: 1, cost: 2_000_000 },
        { model: 'openai:free of charge', inputTokens: 1, outputTokens: 1, unpricedTokens: 2 },
      ]),
    );
    const full = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`jobs chat m${n}`, 1]));
    await d.redis.hset(d.keys.usageOfDay('t', today()), full);
    const late = await books.admit();
    const [other] = [{ model: 'openai:one-more', ...used(7, 0), estimatedTokens: 0 }];
    await books.fairQueue.retire({
      ref: late,
      keptBytes: 1,
      usage: reportOf({ 1: { ...used(7, 0), models: [other] } }, 1),
    });
    expect((await books.days()).filter(({ inputTokens }) => inputTokens === 7)).toMatchObject([{ model: 'other' }]);
  });

  it('has the sums of the records after any order of reports, sweeps, repeats and deaths', async () => {
    await using d = LogHarness.single(server.url);
    const usage = fc.record({ input: fc.nat(50), output: fc.nat(50) });
    const attempt = fc.record({
      usage: fc.option(usage, { nil: null }),
      // how its worker tells the ledger of it, if it lives for so long
      metered: fc.boolean(),
      tells: fc.integer({ min: 0, max: 3 }),
    });
    const job = fc.record({
      attempts: fc.array(attempt, { maxLength: 4 }),
      retiredBy: fc.constantFrom('worker', 'sweep', 'canceller'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(job, { minLength: 1, maxLength: 5 }), fc.nat(), async (jobs, seed) => {
        const tenant = newRequestId();
        const books = new Books(d);
        const calls: (() => Promise<unknown>)[] = [];
        const expected = { jobs: jobs.length, attempts: 0, inputTokens: 0, outputTokens: 0, estimatedTokens: 0 };
        const refs: JobRef[] = [];
        for (const { attempts, retiredBy } of jobs) {
          const ref = await books.job(jobRef(tenant, newRequestId()));
          refs.push(ref);
          for (const [place, { usage: reported, tells }] of attempts.entries()) {
            const writer = await d.begin(ref);
            say(writer, 'abcd'.repeat(tells));
            await writer.flush();
            const exact = reported && used(reported.input, reported.output);
            if (exact !== null) {
              await writer.recordUsage(exact);
              calls.push(() => books.ledger.meter(ref, reportOf({ [place + 1]: exact })));
            }
            expected.attempts += 1;
            expected.inputTokens += exact?.inputTokens ?? 1;
            expected.outputTokens += exact?.outputTokens ?? tells;
            if (exact === null) expected.estimatedTokens += 1 + tells;
          }
          await d.canceller.cancel(ref, 'owner');
          const outline = await d.reader.outline(ref);
          if (outline === null) throw new Error('the record is gone');
          const recorded = books.settlement.recorded(outline);
          const known: UsageReport = retiredBy === 'sweep' ? recorded : { total: outline.attempt, attempts: {} };
          calls.push(() => books.fairQueue.retire({ ref, keptBytes: 1, usage: known }));
          if (retiredBy === 'worker') calls.push(() => books.ledger.meter(ref, recorded));
          calls.push(
            () => books.settlement.settle(outline),
            () => books.settle(),
          );
        }
        await Promise.all(shuffled([...calls, ...calls], seed).map((call) => call()));
        // the last sweep comes when all is over
        for (const ref of refs) await books.fairQueue.retire({ ref, keptBytes: 1 });
        await books.settle();
        const sums = (await books.days(tenant)).reduce(
          (total, row) => ({
            jobs: total.jobs + row.jobs,
            attempts: total.attempts + row.attempts,
            inputTokens: total.inputTokens + row.inputTokens,
            outputTokens: total.outputTokens + row.outputTokens,
            estimatedTokens: total.estimatedTokens + row.estimatedTokens,
          }),
          { jobs: 0, attempts: 0, inputTokens: 0, outputTokens: 0, estimatedTokens: 0 },
        );
        expect(sums).toEqual(expected);
        const tokens = expected.inputTokens + expected.outputTokens;
        expect(await books.ledger.today(tenant)).toEqual({ used: tokens, reserved: 0 });
      }),
      { numRuns: 60 },
    );
  });
});

/** In an order that a seed decides. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  let state = seed + 1;
  const next = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state;
  };
  return items
    .map((item) => ({ item, order: next() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
