import { describe, expect, it } from '@jest/globals';
import { microsPerEvent, processorMicros } from './costs.ts';
import { fittedEventCosts } from './fit.ts';
import { SAMPLE } from './sample-coefficients.ts';

const LOADS = [
  { streams: 50, eventsPerSecond: 250 },
  { streams: 50, eventsPerSecond: 1_000 },
  { streams: 600, eventsPerSecond: 1_200 },
  { streams: 200, eventsPerSecond: 4_000 },
  { streams: 600, eventsPerSecond: 6_000 },
];

const PARTS = ['worker', 'api', 'redis', 'nginx'] as const;

describe('the costs of an event', () => {
  it.each(PARTS)('are found again from loads that they made: %s', (part) => {
    const known = SAMPLE.processor[part];
    const loads = LOADS.map((load) => ({ ...load, jobsPerSecond: 0 }));
    const made = loads.map((load) => ({ ...load, micros: processorMicros(known, load) }));
    const { event, shared } = fittedEventCosts({ known, loads: made });
    expect([event / known.event, shared / known.shared]).toEqual([expect.closeTo(1), expect.closeTo(1)]);
  });

  it('fall with the rate, while all of them together cost more', () => {
    const { worker } = SAMPLE.processor;
    const rates = [1, 100, 1_000, 10_000];
    const each = rates.map((rate) => microsPerEvent(worker, rate));
    expect(each).toEqual(each.toSorted((a, b) => b - a));
    const together = rates.map((rate, nth) => rate * (each[nth] ?? 0));
    expect(together).toEqual(together.toSorted((a, b) => a - b));
  });

  it('are the same at every rate where they would rise with it', () => {
    const loads = LOADS.map((load) => ({ ...load, jobsPerSecond: 0, micros: load.eventsPerSecond ** 1.1 }));
    const { event, shared } = fittedEventCosts({ known: { idle: 0, stream: 0 }, loads });
    const each = loads.map(({ micros, eventsPerSecond }) => Math.log(micros / eventsPerSecond));
    expect(shared).toBe(0);
    expect(Math.log(event)).toBeCloseTo(each.reduce((sum, one) => sum + one, 0) / each.length);
  });

  it('are not looked for in a load that took less than its streams alone', () => {
    const loads = LOADS.map((load) => ({ ...load, jobsPerSecond: 0, micros: 1e3 }));
    expect(() => fittedEventCosts({ known: { idle: 2e3, stream: 0 }, loads })).toThrow(RangeError);
  });

  it('need three loads of each part', () => {
    const loads = LOADS.slice(0, 2).map((load) => ({ ...load, jobsPerSecond: 0, micros: 1e5 }));
    expect(() => fittedEventCosts({ known: { idle: 0, stream: 0 }, loads })).toThrow(RangeError);
  });
});
