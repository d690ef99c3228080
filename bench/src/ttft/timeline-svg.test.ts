import { describe, expect, it } from '@jest/globals';
import { timelineSvg } from './timeline-svg.ts';

const streamed = { headersMs: 8, firstByteMs: 9, firstTokenMs: 1_312, endMs: 2_772 };
const whole = { headersMs: 2_771, firstByteMs: 2_772, firstTokenMs: 2_773, endMs: 2_773 };

function draw(rows: { label: string; marks: typeof streamed }[], title = 'One answer'): string {
  return timelineSvg({ title, subtitle: 'measured', rows });
}

/** the bars of a class: where each begins and how wide it is */
function bars(svg: string, className: string): number[][] {
  const found = svg.matchAll(
    new RegExp(`class="${className}" x="([\\d.]+)" y="\\d+" width="([\\d.]+)" height="16"`, 'g'),
  );
  return [...found].map(([, from, width]) => [Number(from), Number(width)]);
}

describe('timelineSvg', () => {
  it('is grey up to the first token and coloured from there to the end, to scale', () => {
    const svg = draw([{ label: 'streaming', marks: streamed }]);
    const pixelsPerMs = (760 - 2 * 28) / 3_000;
    const [[from = 0, wait = 0] = []] = bars(svg, 'wait');
    const [[token = 0, text = 0] = []] = bars(svg, 'text');
    expect(from).toBe(28);
    expect(wait).toBeCloseTo(1_312 * pixelsPerMs, 1);
    expect(token).toBeCloseTo(28 + 1_312 * pixelsPerMs, 1);
    expect(text).toBeCloseTo(1_460 * pixelsPerMs, 1);
  });

  it('names each mark, and those that fall together once', () => {
    const svg = draw([
      { label: 'streaming', marks: streamed },
      { label: 'whole', marks: whole },
    ]);
    for (const text of ['headers, first byte: 9 ms', 'first token: 1,312 ms', 'end: 2,772 ms']) {
      expect(svg).toContain(`>${text}<`);
    }
    expect(svg).toContain('>headers, first byte, first token, end: 2,773 ms<');
  });

  it('has colours for light and dark pages and words for who cannot see it', () => {
    const svg = draw([{ label: 'streaming', marks: streamed }]);
    expect(svg).toContain('@media (prefers-color-scheme: dark)');
    expect(svg).toContain('>streaming: first token after 1,312 ms</desc>');
  });

  it('takes any text for a label', () => {
    const svg = draw([{ label: 'a < b & c', marks: streamed }], '<script>');
    expect(svg).toContain('>a &lt; b &amp; c<');
    expect(svg).not.toContain('<script>');
  });
});
