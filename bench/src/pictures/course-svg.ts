import { cardSvg, escaped, MARGIN } from './card.ts';

/** Figures over the same time, one line each. */
interface Frame {
  readonly title: string;
  /** at most two; each value stays until the next one */
  readonly lines: readonly { readonly name: string; readonly values: readonly number[] }[];
}

/** How figures go on over time, one frame below the other. */
export interface Course {
  readonly title: string;
  readonly subtitle: string;
  /** what the time is, with its unit */
  readonly over: string;
  /** when each value was taken, rising; the picture begins at 0 */
  readonly times: readonly number[];
  readonly frames: readonly Frame[];
}

const WIDTH = 760;
const HEAD = 84;
const PLOT = 150;
const FRAME = PLOT + 56;
const FOOT = 34;
/** for the figures beside a frame */
const SCALE = 32;
const TICKS = 6;

const STYLE = `
    .line0 { stroke: #0969da } .line1 { stroke: #9a6700 }
    .line { fill: none; stroke-width: 2 } .small { font-size: 11px }
    @media (prefers-color-scheme: dark) {
      .line0 { stroke: #4493f8 } .line1 { stroke: #d29922 }
    }`;

/** @returns an SVG document that reads on light and dark pages */
export function courseSvg({ title, subtitle, over, times, frames }: Course): string {
  const height = HEAD + frames.length * FRAME + FOOT;
  const said = frames.flatMap(({ lines }) =>
    lines.map(({ name, values }) => `${name}: at most ${Math.max(...values)}, at the end ${values.at(-1)}`),
  );
  const x = scale([0, times.at(-1) ?? 1], [MARGIN + SCALE, WIDTH - MARGIN]);
  const bottom = HEAD + frames.length * FRAME - 22;
  const ticks = ticksUpTo(times.at(-1) ?? 1);
  return cardSvg({
    ...{ width: WIDTH, height, title, subtitle, style: STYLE, spoken: said.join('; ') },
    content: [
      ...frames.flatMap((frame, index) => frameAt(frame, HEAD + index * FRAME, { times, x })),
      ...ticks.map((tick) => text('dim small', { x: x(tick), y: bottom, anchor: 'middle' }, String(tick))),
      text('dim small', { x: MARGIN + SCALE, y: bottom + 22 }, over),
    ],
  });
}

type Scale = (value: number) => number;

function scale([least, most]: readonly [number, number], [from, to]: readonly [number, number]): Scale {
  return (value) => from + ((to - from) * (value - least)) / (most - least || 1);
}

/** Round numbers, about six. */
function ticksUpTo(most: number): number[] {
  const rough = Math.max(most, 1) / TICKS;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, ([1, 2, 5, 10].find((times) => times * unit > 0.9 * rough) ?? 10) * unit);
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, place) => place * step);
}

function frameAt({ title, lines }: Frame, top: number, { times, x }: { times: readonly number[]; x: Scale }): string[] {
  const [left, ceiling, floor] = [MARGIN + SCALE, top + 16, top + 16 + PLOT];
  const most = Math.max(1, ...lines.flatMap(({ values }) => values));
  const y = scale([0, most], [floor, ceiling]);
  const legend = lines.flatMap(({ name }, index) => {
    const at = WIDTH - MARGIN - lines.slice(index).reduce((sum, line) => sum + 46 + line.name.length * 7, 0);
    return [`  <path class="line line${index}" d="M${at} ${top}h18"/>`, text('dim', { x: at + 24, y: top + 4 }, name)];
  });
  return [
    text('ink label', { x: MARGIN, y: top + 4 }, title),
    ...legend,
    ...ticksUpTo(most).flatMap((tick) => [
      `  <path class="grid" d="M${left} ${y(tick).toFixed(1)}H${WIDTH - MARGIN}"/>`,
      text('dim small', { x: left - 8, y: y(tick) + 4, anchor: 'end' }, String(tick)),
    ]),
    ...lines.map(({ values }, index) => `  <path class="line line${index}" d="${stepsOf(values, { times, x, y })}"/>`),
  ];
}

function stepsOf(values: readonly number[], { times, x, y }: { times: readonly number[]; x: Scale; y: Scale }): string {
  return values
    .map((value, place) => {
      const at = x(times[place] ?? 0).toFixed(1);
      if (place === 0) return `M${at} ${y(value).toFixed(1)}`;
      return value === values[place - 1] && place < values.length - 1 ? '' : `H${at}V${y(value).toFixed(1)}`;
    })
    .join('');
}

function text(kind: string, at: { x: number; y: number; anchor?: string }, words: string): string {
  const anchor = at.anchor === undefined ? '' : ` text-anchor="${at.anchor}"`;
  return `  <text class="${kind}" x="${at.x.toFixed(1)}" y="${at.y.toFixed(1)}"${anchor}>${escaped(words)}</text>`;
}
