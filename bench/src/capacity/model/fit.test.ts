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
  it('are found again from loads that they made', () => {
    const made = PARTS.map((part) => ({ ...SAMPLE.processor[part], halfAt: 1_500 }));
    const found = fittedEventCosts(
      made.map((known) => {
        const loads = LOADS.map((load) => ({ ...load, jobsPerSecond: 0 }));
        return { known, loads: loads.map((load) => ({ ...load, micros: processorMicros(known, load) })) };
      }),
    );
    for (const [at, costs] of made.entries())
      for (const rate of [100, 500, 3_000, 20_000])
        expect(microsPerEvent({ ...costs, ...found[at] }, rate) / microsPerEvent(costs, rate)).toBeCloseTo(1, 1);
    expect(new Set(found.map(({ halfAt }) => halfAt)).size).toBe(1);
  });

  it('need three loads of each part', () => {
    const loads = LOADS.slice(0, 2).map((load) => ({ ...load, jobsPerSecond: 0, micros: 1e5 }));
    expect(() => fittedEventCosts([{ known: { idle: 0, stream: 0 }, loads }])).toThrow(RangeError);
  });
});
