import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type JobRef, jobRef } from '@millrace/contracts';
import { startRedis, type TestRedis } from '@millrace/testing';
import fc from 'fast-check';
import { LogHarness } from '../testing/log-harness.ts';
import { FairQueue } from './fair-queue.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const ROOMY = { maxQueued: 1_000_000, maxOpenPerTenant: 1_000_000, maxStoredBytesPerTenant: 1_000_000 };

interface Entry {
  readonly ref: JobRef;
  readonly keptBytes: 1;
  readonly requestBytes: 0;
  readonly tenant: string;
  readonly priority: number;
}

/** The fair queue, and a queue that takes by priority, then by arrival, as BullMQ does. */
class Line {
  readonly fairQueue: FairQueue;
  readonly #waiting: Entry[] = [];
  #made = 0;

  constructor(readonly d: LogHarness) {
    this.fairQueue = new FairQueue(d.redis, d.keys, d.limits);
  }

  get waiting(): readonly Entry[] {
    return this.#waiting;
  }

  async add(tenant: string): Promise<Entry> {
    this.#made += 1;
    const job = { ref: jobRef(tenant, String(this.#made)), keptBytes: 1, requestBytes: 0 } as const;
    const admission = await this.fairQueue.admit(job, ROOMY);
    if (admission.outcome !== 'admitted') throw new Error(admission.outcome);
    const entry = { ...job, tenant, priority: admission.priority };
    const place = this.#waiting.findIndex(({ priority }) => priority > entry.priority);
    this.#waiting.splice(place < 0 ? this.#waiting.length : place, 0, entry);
    return entry;
  }

  async take(): Promise<Entry | undefined> {
    const entry = this.#waiting.shift();
    if (entry !== undefined) await this.fairQueue.markStarted(entry.ref);
    return entry;
  }

  async cancel(entry: Entry): Promise<void> {
    this.#waiting.splice(this.#waiting.indexOf(entry), 1);
    await this.fairQueue.retire(entry);
  }
}

describe('turns across tenants', () => {
  it('takes a newcomer within two pick-ups, whatever another tenant has queued', async () => {
    await using d = LogHarness.single(server.url);
    const line = new Line(d);
    for (let i = 0; i < 200; i++) await line.add('greedy');
    for (let i = 0; i < 50; i++) await line.take();
    await line.add('modest');
    const next = [await line.take(), await line.take()];
    expect(next.map((entry) => entry?.tenant)).toContain('modest');
  });

  it('serves tenants round robin while they have jobs queued', async () => {
    await using d = LogHarness.single(server.url);
    const line = new Line(d);
    const queued = { a: 7, b: 3, c: 1 };
    for (const [tenant, count] of Object.entries(queued)) for (let i = 0; i < count; i++) await line.add(tenant);
    const order: string[] = [];
    for (let entry = await line.take(); entry !== undefined; entry = await line.take()) order.push(entry.tenant);
    expect(order.join('')).toBe('abcababaaaa');
  });

  it('counts from a new base whenever no job is queued, and keeps the priority of a readmitted job', async () => {
    await using d = LogHarness.single(server.url);
    const line = new Line(d);
    for (let i = 0; i < 5; i++) {
      expect((await line.add('t')).priority).toBe(1);
      await line.take();
    }
    const [first, second] = [await line.add('t'), await line.add('t')];
    expect([first.priority, second.priority]).toEqual([1, 2]);
    expect(await line.fairQueue.priorityOf({ ...second, attempt: 0 })).toBe(2);
    expect(await line.fairQueue.admit(second, ROOMY)).toEqual({ outcome: 'admitted', priority: 2 });
    expect(await line.fairQueue.priorityOf({ ...second, attempt: 1 })).toBe(0);
  });

  it('stays within the range of priorities, in order of arrival, until the queue is empty', async () => {
    await using d = LogHarness.single(server.url);
    const line = new Line(d);
    await line.add('t');
    await d.redis.hset(d.keys.fairTurns, 'started', 2 ** 22);
    expect((await line.add('t')).priority).toBe(2 ** 21 - 1);
    expect((await line.add('u')).priority).toBe(2 ** 21 - 1);
    while ((await line.take()) !== undefined);
    expect((await line.add('t')).priority).toBe(1);
  });

  it('keeps its promise under any interleaving of arrivals, pick-ups and cancels', async () => {
    const tenant = fc.constantFrom('a', 'b', 'c');
    const step = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), tenant, count: fc.integer({ min: 1, max: 6 }) }),
      fc.record({ kind: fc.constant('take' as const), tenant, count: fc.integer({ min: 1, max: 6 }) }),
      fc.record({ kind: fc.constant('cancel' as const), tenant, count: fc.constant(1) }),
    );
    const afterTwoCancels = [
      { kind: 'add' as const, tenant: 'a', count: 3 },
      { kind: 'add' as const, tenant: 'c', count: 3 },
      { kind: 'cancel' as const, tenant: 'c', count: 1 },
      { kind: 'cancel' as const, tenant: 'c', count: 1 },
      { kind: 'take' as const, tenant: 'a', count: 3 },
    ];
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        await using d = LogHarness.single(server.url);
        const line = new Line(d);
        // per waiting tenant: how many jobs of each other tenant were taken since it began to wait for its next one
        const passed = new Map<string, Map<string, number>>();
        // per waiting tenant: how many turns its next job stands further back, because those before it were cancelled
        const gaps = new Map<string, number>();
        const settle = () => {
          const waiting = new Set(line.waiting.map((entry) => entry.tenant));
          for (const name of [...passed.keys()]) if (!waiting.has(name)) passed.delete(name);
          for (const name of [...gaps.keys()]) if (!waiting.has(name)) gaps.delete(name);
          for (const name of waiting) if (!passed.has(name)) passed.set(name, new Map());
        };
        for (const { kind, tenant: name, count } of steps) {
          for (let time = 0; time < count; time++) {
            if (kind === 'add') await line.add(name);
            const own = line.waiting.find((entry) => entry.tenant === name);
            if (kind === 'cancel' && own !== undefined) {
              await line.cancel(own);
              passed.delete(name);
              gaps.set(name, (gaps.get(name) ?? 0) + 1);
            }
            const taken = kind === 'take' ? await line.take() : undefined;
            if (taken !== undefined) {
              passed.delete(taken.tenant);
              gaps.delete(taken.tenant);
              for (const [waiting, others] of passed) {
                const times = (others.get(taken.tenant) ?? 0) + 1;
                others.set(taken.tenant, times);
                expect(times).toBeLessThanOrEqual(2 + (gaps.get(waiting) ?? 0));
              }
            }
            settle();
          }
        }
      }),
      { numRuns: 60, examples: [[afterTwoCancels]] },
    );
  });
});
