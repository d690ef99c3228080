import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PARTS } from './coefficients.ts';
import { processesFor, processorMicros, sharedOut } from './costs.ts';
import { limitsOf } from './limits.ts';
import { type Plan, planFor } from './plan.ts';
import { type Question, questionOf, scaledTo } from './question.ts';
import { SAMPLE } from './sample-coefficients.ts';

const anyQuestion = fc
  .record({
    streams: fc.integer({ min: 1, max: 1_000_000 }),
    rate: fc.double({ min: 0.1, max: 200, noNaN: true }),
    answerTokens: fc.integer({ min: 1, max: 10_000 }),
    watchers: fc.integer({ min: 1, max: 5 }),
    retention: fc.integer({ min: 0, max: 100_000 }),
    utilisation: fc.double({ min: 0.1, max: 1, noNaN: true }),
  })
  .map(questionOf);
const growth = fc.double({ min: 1, max: 10, noNaN: true });

/** Everything that must not fall when more is asked. */
function needsOf(plan: Plan): number[] {
  const parts = PARTS.flatMap((part) => {
    const { processes, busyCores, memoryBytes, inBytesPerSecond, outBytesPerSecond } = plan.parts[part];
    return [processes, busyCores, memoryBytes, inBytesPerSecond, outBytesPerSecond];
  });
  const { needed, byProcessor, byMemory } = plan.shards;
  return [...parts, needed, byProcessor, byMemory, plan.cores, plan.machines, ...Object.values(plan.sockets)];
}

function expectNoFall(less: Question, more: Question): void {
  const [before, after] = [less, more].map((question) => needsOf(planFor(SAMPLE, question)));
  for (const [at, need] of (before ?? []).entries()) {
    // rounding errors of sums
    expect((after?.[at] ?? 0) * (1 + 1e-9)).toBeGreaterThanOrEqual(need);
  }
}

describe('a plan', () => {
  it('needs no less of anything for more streams', () => {
    fc.assert(
      fc.property(anyQuestion, growth, (question, times) => {
        expectNoFall(question, scaledTo(question, Math.ceil(question.streams * times)));
      }),
    );
  });

  it('needs no less of anything for more tokens per second, longer answers, more readers or a longer retention', () => {
    fc.assert(
      fc.property(anyQuestion, growth, (question, times) => {
        expectNoFall(question, { ...question, rate: question.rate * times });
        expectNoFall(question, { ...question, answerTokens: question.answerTokens * times });
        expectNoFall(question, { ...question, watchers: question.watchers * times });
        expectNoFall(question, { ...question, retention: question.retention * times });
      }),
    );
  });

  it('lets no process take more of its core than it may, and wastes none', () => {
    fc.assert(
      fc.property(anyQuestion, (question) => {
        const { parts } = planFor(SAMPLE, question);
        for (const part of PARTS) expect(parts[part].each.utilisation).toBeLessThanOrEqual(question.utilisation + 1e-9);
      }),
    );
  });

  it('says by hand what it says of a small deployment', () => {
    const question = questionOf({ streams: 100, rate: 10, answerTokens: 100, retention: 1_000 });
    const { parts, shards, redisMemory, sockets, cores, memoryBytes } = planFor(SAMPLE, question);
    expect(shards).toEqual({ needed: 1, byProcessor: 1, byMemory: 1 });
    // 2,000 idle, 100 × 30 streams, 10 × 600 jobs, 1,000 tokens
    expect(parts.worker.busyCores).toBeCloseTo((2_000 + 3_000 + 6_000 + (1_000 * 400) / 41 ** 0.4) / 1e6);
    expect(parts.redis.inBytesPerSecond).toBe(400 + 30_000 + 80_000 + 400_000);
    expect(parts.api.outBytesPerSecond).toBe(9_000 + 45_000);
    expect(redisMemory).toEqual({ openBytes: 100 * 4_000, endedBytes: 10 * 1_000 * (2_500 + 100 * 40) });
    expect(sockets).toEqual({ clientsToNginx: 100, nginxToApi: 100, workersToModel: 100, toEachRedis: 10 });
    expect(cores).toBe(4);
    expect(memoryBytes).toBe(PARTS.map((part) => parts[part].memoryBytes).reduce((sum, bytes) => sum + bytes, 0));
  });

  it('needs several shards for what one Redis does not carry, and says why', () => {
    const byCore = planFor(SAMPLE, questionOf({ streams: 20_000, rate: 20, retention: 0 }));
    expect(byCore.shards.needed).toBe(byCore.shards.byProcessor);
    expect(byCore.shards.byProcessor).toBeGreaterThan(byCore.shards.byMemory);
    const byMemory = planFor(SAMPLE, questionOf({ streams: 1_000, rate: 20, retention: 1e6, redisGib: 8 }));
    expect(byMemory.shards.needed).toBe(byMemory.shards.byMemory);
    expect(byMemory.parts.redis.each.memoryBytes).toBeLessThanOrEqual(8 * 2 ** 30);
  });
});

describe('processes', () => {
  it('are the fewest that stay within their part of a core', () => {
    fc.assert(
      fc.property(anyQuestion, ({ streams, rate, jobsPerSecond, utilisation }) => {
        const demand = { streams, eventsPerSecond: streams * rate, jobsPerSecond };
        const micros = (count: number) => processorMicros(SAMPLE.processor.worker, sharedOut(demand, count));
        const count = processesFor(SAMPLE.processor.worker, demand, utilisation);
        expect(micros(count)).toBeLessThanOrEqual(utilisation * 1e6);
        if (count > 1) expect(micros(count - 1)).toBeGreaterThan(utilisation * 1e6);
      }),
    );
  });

  it('cannot be found where an idle one takes more than it may', () => {
    const costs = { ...SAMPLE.processor.api, idle: 700_000 };
    expect(() => processesFor(costs, { streams: 1, eventsPerSecond: 1, jobsPerSecond: 1 }, 0.6)).toThrow(RangeError);
  });
});

describe('the limits of one of each', () => {
  it('are where a plan begins to need more, the first one first', () => {
    const question = questionOf({ streams: 500, rate: 20, retention: 3_600 });
    const limits = limitsOf(SAMPLE, question);
    expect(limits.map(({ streams }) => streams)).toEqual(limits.map(({ streams }) => streams).sort((a, b) => a - b));
    const needed = (what: string, streams: number) => {
      const { shards, parts } = planFor(SAMPLE, scaledTo(question, streams));
      if (what === 'the core of Redis') return shards.byProcessor;
      if (what === 'the memory of Redis') return shards.byMemory;
      return parts[what === 'a worker process' ? 'worker' : what === 'an API process' ? 'api' : 'nginx'].processes;
    };
    for (const { what, streams } of limits) {
      expect(needed(what, streams + 1)).toBeGreaterThan(1);
      expect([what, needed(what, streams)]).toEqual([what, 1]);
    }
  });
});
