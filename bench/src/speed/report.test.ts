import { describe, expect, it } from '@jest/globals';
import { formatFigure, speedTables, targetsTable } from './report.ts';
import type { SpeedResult } from './result.ts';

const result: SpeedResult = {
  benchmark: 'speed',
  measuredOn: '2026-01-01',
  machine: { cores: 2, memoryGiB: 8, system: 'linux x64', node: '24.0.0', nginx: '1.22.1', redis: null },
  rounds: 3,
  seconds: 480,
  measured: [
    { of: 'whole', peer: 'millrace', samples: [], medians: { tokensPerSecond: 30_000, workerMicros: 12.34 } },
    { of: 'whole', peer: 'direct', samples: [], medians: { tokensPerSecond: 20_000, appMicros: 40 } },
  ],
  failures: [{ of: 'crowd', peer: 'naive', round: 2, reason: 'Error: 3 of 5 streams failed\nmore' }],
};

describe('the report', () => {
  it('has a figure, its target with the limit it comes to, and whether it is met', () => {
    const row = targetsTable(result)
      .split('\n')
      .find((line) => line.includes('tokens/s of the whole'));
    expect(row).toMatch(/30,000 tokens\/s \| +≥ direct \(20,000\) \| +met \|/);
  });

  it('has an earlier run beside it', () => {
    const before = { ...result, measuredOn: '2025-12-01', measured: [] };
    const [head = '', row] = targetsTable(result, before)
      .split('\n')
      .filter((line) => /\| figure|tokens\/s of the whole/.test(line));
    expect(head).toMatch(/figure +\| +measured \| on 2025-12-01 \| +target/);
    expect(row).toMatch(/30,000 tokens\/s \| +– \| +≥ direct/);
  });

  it('says what was not measured', () => {
    expect(targetsTable(result)).toMatch(/memory per idle stream: API +\| +– \| +≤ 12 \| not measured/);
  });

  it('puts peer beside peer, in the order of the labels, and names what failed', () => {
    const tables = speedTables(result);
    expect(tables.indexOf('direct: Fastify')).toBeLessThan(tables.indexOf('| Millrace '));
    expect(tables).toContain('- crowd, naive: BullMQ + PUBLISH + Nest @Sse: Error: 3 of 5 streams failed');
  });
});

describe('formatFigure', () => {
  it('gives three figures, and a dash for nothing', () => {
    expect([1234.5, 123.4, 12.34, 1.234, 0, undefined].map(formatFigure)).toEqual([
      ...['1,235', '123', '12.3', '1.23', '–', '–'],
    ]);
  });
});
