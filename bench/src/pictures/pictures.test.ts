import { describe, expect, it } from '@jest/globals';
import { barsSvg } from './bars-svg.ts';
import { courseSvg } from './course-svg.ts';
import { curvesSvg } from './curves-svg.ts';

const widthsIn = (svg: string) =>
  [...svg.matchAll(/class="(?:part|other)\S*" .*?width="([\d.]+)"/g)].map(([, width]) => Number(width));

describe('bars', () => {
  const bar = { value: '1', ours: false };

  it('are as long as their figures are large, each panel on its own scale', () => {
    const svg = barsSvg({
      ...{ title: 't', subtitle: 's', legend: [] },
      panels: [
        {
          title: 'a',
          bars: [
            { ...bar, label: 'x', parts: [50] },
            { ...bar, label: 'y', parts: [100] },
          ],
        },
        { title: 'b', bars: [{ ...bar, label: 'x', parts: [3] }] },
      ],
    });
    const [half = 0, whole = 0, alone] = widthsIn(svg);
    expect(half * 2).toBeCloseTo(whole);
    expect(alone).toBe(whole);
  });

  it('say in words what they show, and let no text be markup', () => {
    const panels = [{ title: 'a<b', bars: [{ ...bar, label: 'x & y', parts: [1] }] }];
    const svg = barsSvg({ title: 't', subtitle: 's', legend: [], panels });
    expect(svg).toContain('<desc id="description">a&lt;b: x &amp; y 1</desc>');
  });
});

describe('curves', () => {
  it('of growth in proportion lie on the dashed line', () => {
    const points = [1, 10, 100].map((x) => ({ x, y: 5 * x }));
    const svg = curvesSvg({ title: 't', subtitle: 's', curves: [{ title: 'c', of: 'ms', over: 'n', points }] });
    const [, from = '', to = ''] = /class="linear" d="M(\S+ \S+)L(\S+ \S+)"/.exec(svg) ?? [];
    const curve = /class="curve" d="M(.*)"/.exec(svg)?.[1]?.split('L');
    expect([curve?.[0], curve?.at(-1)]).toEqual([from, to]);
  });
});

describe('the course of figures', () => {
  it('has a step where a value changes, and none where it stays', () => {
    const lines = [{ name: 'workers', values: [2, 2, 4, 4, 0] }];
    const svg = courseSvg({
      title: 't',
      subtitle: 's',
      over: 'minutes',
      times: [0, 1, 2, 3, 4],
      frames: [{ title: 'f', lines }],
    });
    const [, path = ''] = /class="line line0" d="(M[\d. ]+H.*?)"/.exec(svg) ?? [];
    const heights = [...path.matchAll(/[ V]([\d.]+)/g)].map(([, height]) => Number(height));
    const [two = 0, four = 0, none = 0] = heights;
    expect(heights).toHaveLength(3);
    expect(none - four).toBeCloseTo(2 * (none - two));
    expect(svg).toContain('<desc id="description">workers: at most 4, at the end 0</desc>');
  });
});
