import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { deferred, INSPECTED, Inspector } from '@millrace/testing';
import { SystemHarness } from '../e2e/system-harness.ts';
import { figures } from './figures.ts';
import { Flood } from './flood.ts';
import { Load } from './load.ts';
import { rssMiB } from './memory.ts';
import { percentile } from './percentile.ts';

const REFUSALS = 20_000;
const WARM_UP = 3_000;
const QUEUED = 50;
/** as many as the two workers run */
const RUNNING = 30;
const SPAN_MS = 10_000;

describe('a flood of POSTs', () => {
  it('beyond the queue’s limit: 503 with Retry-After, no memory growth, running streams undisturbed', async () => {
    const env = {
      MILLRACE_MAX_QUEUED_JOBS: String(QUEUED),
      MILLRACE_WORKER_CONCURRENCY: String(RUNNING / 2),
      ...INSPECTED,
    };
    await using system = await SystemHarness.start({ env });
    using load = await Load.start(system, { jobs: RUNNING });
    using flood = new Flood(system.url, 16);
    expect(await flood.post(QUEUED, () => 'queued')).toEqual({ '202': QUEUED });
    await flood.post(WARM_UP, () => 'too much');

    const memory = () => Promise.all(system.apis.map(memoryOf));
    const before = await memory();
    const quietSince = performance.now();
    await delay(SPAN_MS);
    const floodedSince = performance.now();
    const answers = await flood.post(REFUSALS, () => 'too much');
    const floodedUntil = performance.now();
    const after = await memory();
    await load.finish();

    const p99 = (from: number, until: number) => percentile(load.delaysMs(from, until), 0.99);
    const grown = after.map(({ liveMiB, rss }, index) => ({
      liveMiB: liveMiB - (before[index]?.liveMiB ?? 0),
      rssMiB: rss - (before[index]?.rss ?? 0),
    }));
    figures({
      refusedPerSecond: (REFUSALS * 1_000) / (floodedUntil - floodedSince),
      p99WithoutMs: p99(quietSince, floodedSince),
      p99BesideMs: p99(floodedSince, floodedUntil),
      longestSilenceMs: load.longestSilenceMs,
      grownMiB: Math.max(...grown.map(({ rssMiB }) => rssMiB)),
      grownHeapMiB: Math.max(...grown.map(({ liveMiB }) => liveMiB)),
    });
    expect(answers).toEqual({ '503 QUEUE_FULL, Retry-After': REFUSALS });
    expect(await load.offences()).toEqual([]);
    expect([load.restarts, load.resumptions]).toEqual([0, 0]);
    expect(load.longestSilenceMs).toBeLessThanOrEqual(1_000);
    for (const { liveMiB, rssMiB } of grown) {
      expect(liveMiB).toBeLessThanOrEqual(5);
      // the amount of garbage that V8 has not yet collected varies
      expect(rssMiB).toBeLessThanOrEqual(60);
    }
  });

  it('of one tenant, 1,000 jobs ahead: 429 beyond its limit, and another tenant’s job is taken at once', async () => {
    const ahead = 1_000;
    const env = {
      MILLRACE_AUTH: 'apikey',
      MILLRACE_API_KEYS: 'greedy:user:secret-of-the-greedy,modest:user:secret-of-the-modest',
      MILLRACE_MAX_JOBS_PER_TENANT: String(ahead),
      MILLRACE_WORKER_CONCURRENCY: '1',
      // no slot is kept for others: only the fair turns protect them
      MILLRACE_MAX_ACTIVE_PER_TENANT: String(ahead),
    };
    await using system = await SystemHarness.start({ env });
    const opened = deferred();
    system.model.answer(async function* () {
      await opened.promise;
      yield 'answer';
    });
    using greedy = new Flood(system.url, 16, { authorization: 'Bearer secret-of-the-greedy' });
    using modest = new Flood(system.url, 1, { authorization: 'Bearer secret-of-the-modest' });
    const answers = await greedy.post(ahead + 500, (index) => `greedy ${index}`);
    expect(answers).toEqual({ '202': ahead, '429 RATE_LIMITED, Retry-After': 500 });

    // one job per worker is with the model, and all others wait
    await system.model.request(system.workers.length - 1);
    const running = system.model.requests.length;
    expect(await modest.post(1, () => 'modest')).toEqual({ '202': 1 });
    opened.resolve();
    const last = await system.model.request(running + 20);
    const pickUps = system.model.requests.findIndex(({ prompt }) => prompt === 'modest') - running + 1;
    figures({ ahead: ahead - running, pickUps, seen: last.index });
    expect(pickUps).toBeGreaterThan(0);
    expect(pickUps).toBeLessThanOrEqual(4);
  });
});

async function memoryOf(service: Parameters<typeof Inspector.of>[0]): Promise<{ liveMiB: number; rss: number }> {
  using heap = await Inspector.of(service);
  return { liveMiB: await heap.liveMiB(), rss: await rssMiB(service.child.pid) };
}
