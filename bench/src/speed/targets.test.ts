import { describe, expect, it } from '@jest/globals';
import { TARGETS, verdicts } from './targets.ts';

const measured = (of: string, peer: string, medians: Record<string, number>) => ({ of, peer, samples: [], medians });

function verdictOn(figure: string, ...figures: ReturnType<typeof measured>[]) {
  const target = TARGETS.find((each) => each.figure === figure);
  if (target === undefined) throw new RangeError(figure);
  return verdicts([target], figures)[0];
}

const whole = 'tokens/s of the whole, 200 streams';

describe('a target', () => {
  it('is met at its limit', () => {
    const both = ['millrace', 'direct'].map((peer) => measured('whole', peer, { tokensPerSecond: 20_000 }));
    expect(verdictOn(whole, ...both)).toMatchObject({ verdict: 'met', value: 20_000, limit: 20_000 });
    const bytes = measured('talk', 'millrace', { bytesPerToken: 50 });
    expect(verdictOn('bytes on the wire per token, light load', bytes)?.verdict).toBe('met');
  });

  it('that is missed says by which factor', () => {
    const bytes = measured('talk', 'millrace', { bytesPerToken: 60 });
    expect(verdictOn('bytes on the wire per token, light load', bytes)?.verdict).toBe('missed 1.20×');
    const [slow, fast] = [1, 20].map((tokensPerSecond, at) =>
      measured('whole', ['millrace', 'direct'][at] ?? '', { tokensPerSecond }),
    );
    expect(slow && fast && verdictOn(whole, slow, fast)?.verdict).toBe('missed 20×');
  });

  it('whose figure or limit is missing was not measured', () => {
    expect(verdictOn(whole, measured('whole', 'millrace', { tokensPerSecond: 1 }))?.verdict).toBe('not measured');
  });

  it('compares with the peer that it names', () => {
    const light = [
      measured('light', 'millrace', { firstTokenP50Ms: 9 }),
      measured('light', 'direct', { firstTokenP50Ms: 6 }),
    ];
    expect(verdictOn('time to first token beyond direct, p50, light load', ...light)?.value).toBe(3);
  });
});
