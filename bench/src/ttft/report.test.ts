import { describe, expect, it } from '@jest/globals';
import { type TtftResult, ttftReport, ttftTimeline } from './report.ts';

const medians = { headersMs: 8.3, firstByteMs: 8.6, firstTokenMs: 1_312, endMs: 2_772 };
const result: TtftResult = {
  benchmark: 'ttft',
  measuredOn: '2026-01-01',
  machine: { cores: 2, memoryGiB: 8, system: 'linux x64', node: '24.0.0', nginx: '1.22.1', redis: null },
  rounds: 5,
  model: { tokenCount: 40, firstTokenMs: 1_300, lastTokenMs: 2_760 },
  cases: [
    { id: 'extra', label: 'an extra row', pictured: false, medians, samples: [medians] },
    { id: 'streaming', label: 'streaming', pictured: true, medians, samples: [medians] },
  ],
};

describe('the report of ttft', () => {
  it('has a row for each case, and says what the figures hang on', () => {
    const report = ttftReport(result);
    expect(report).toContain('| streaming    |     8.3 |        8.6 |       1,312 |        2,772 |');
    expect(report).toContain('| an extra row |');
    expect(report).toContain('2 cores, 8 GiB, linux x64, Node 24.0.0, nginx 1.22.1.');
  });

  it('sets the first byte of the stream against its first token', () => {
    const report = ttftReport(result);
    expect(report).toContain('first byte comes after 8.6 ms and says nothing');
    expect(report).toContain('first token comes after 1,312 ms');
  });

  it('pictures only the cases that are to be pictured', () => {
    expect(ttftTimeline(result).rows).toEqual([{ label: 'streaming', marks: medians }]);
  });
});
