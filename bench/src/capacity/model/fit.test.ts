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

describe('the costs of a token', () => {
  it.each(['worker', 'api', 'redis', 'nginx'] as const)('are found again from loads that they made: %s', (part) => {
    const costs = SAMPLE.processor[part];
    const loads = LOADS.map((load) => ({
      ...load,
      jobsPerSecond: 0,
      micros: processorMicros(costs, { ...load, jobsPerSecond: 0 }),
    }));
    const found = { ...costs, ...fittedEventCosts(costs, loads) };
    for (const rate of [100, 500, 3_000, 20_000])
      expect(microsPerEvent(found, rate) / microsPerEvent(costs, rate)).toBeCloseTo(1, 1);
  });

  it('need three loads', () => {
    const loads = LOADS.slice(0, 2).map((load) => ({ ...load, jobsPerSecond: 0, micros: 1e5 }));
    expect(() => fittedEventCosts({ idle: 0, stream: 0 }, loads)).toThrow(RangeError);
  });
});
