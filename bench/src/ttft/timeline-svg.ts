import { formatMs } from '../measure/table.ts';
import { cardSvg, escaped, MARGIN } from '../pictures/card.ts';
import type { Marks } from './reading.ts';

/** A picture of who has what when. */
export interface Timeline {
  readonly title: string;
  readonly subtitle: string;
  readonly rows: readonly { readonly label: string; readonly marks: Marks }[];
}

const WIDTH = 760;
const HEAD = 98;
const ROW = 78;
const BAR = 16;
const AXIS = 42;
const TICK_MS = 500;
/** marks nearer than this to each other share one label */
const TOGETHER = 30;

const STYLE = `
    .wait { fill: #d8dee4 } .text { fill: #0969da } .mark { stroke: #1f2328; stroke-width: 2 }
    @media (prefers-color-scheme: dark) {
      .wait { fill: #3d444d } .text { fill: #4493f8 } .mark { stroke: #f0f6fc }
    }`;

/** Draws one bar per row, from the request to the end of the answer: grey while there is nothing to read, coloured
 *  while text comes, with its four marks named beneath.
 *  @returns an SVG document that reads on light and dark pages */
export function timelineSvg({ title, subtitle, rows }: Timeline): string {
  const height = HEAD + rows.length * ROW + AXIS;
  const latestMs = Math.max(TICK_MS, ...rows.map(({ marks }) => marks.endMs));
  const scaleMs = Math.ceil(latestMs / TICK_MS) * TICK_MS;
  const x = (ms: number) => MARGIN + (ms / scaleMs) * (WIDTH - 2 * MARGIN);
  const spoken = rows.map(({ label, marks }) => `${label}: first token after ${formatMs(marks.firstTokenMs)} ms`);
  return cardSvg({
    ...{ width: WIDTH, height, title, subtitle, spoken: spoken.join('; '), style: STYLE },
    content: [
      ...legend(76),
      ...axis(scaleMs, x, height),
      ...rows.flatMap(({ label, marks }, index) => row(label, marks, x, HEAD + index * ROW)),
    ],
  });
}

type Scale = (ms: number) => number;

function legend(y: number): string[] {
  const entry = (left: number, className: string, text: string) =>
    `  <rect class="${className}" x="${left}" y="${y - 9}" width="18" height="10" rx="2"/><text class="dim" x="${left + 25}" y="${y}">${text}</text>`;
  return [entry(MARGIN, 'wait', 'nothing to read yet'), entry(MARGIN + 170, 'text', 'text arrives')];
}

function axis(scaleMs: number, x: Scale, height: number): string[] {
  const ticks = Array.from({ length: scaleMs / TICK_MS + 1 }, (_, index) => index * TICK_MS);
  return ticks.map((ms) => {
    const at = x(ms).toFixed(1);
    const anchor = ms === 0 ? 'start' : ms === scaleMs ? 'end' : 'middle';
    return `  <path class="grid" d="M${at} ${HEAD - 8}V${height - AXIS}"/><text class="dim" x="${at}" y="${height - AXIS + 20}" text-anchor="${anchor}">${formatMs(ms)}${ms === scaleMs ? ' ms' : ''}</text>`;
  });
}

function row(label: string, marks: Marks, x: Scale, top: number): string[] {
  const bar = top + 20;
  const [start, token, end] = [x(0), x(marks.firstTokenMs), x(marks.endMs)];
  const rect = (className: string, from: number, to: number) =>
    `  <rect class="${className}" x="${from.toFixed(1)}" y="${bar}" width="${(to - from).toFixed(1)}" height="${BAR}"/>`;
  return [
    `  <text class="ink label" x="${MARGIN}" y="${top + 12}">${escaped(label)}</text>`,
    rect('wait', start, token),
    rect('text', token, end),
    ...labelsOf(marks, x).map(({ at, text }) => {
      const line = `<path class="mark" d="M${at.toFixed(1)} ${bar - 2}v${BAR + 4}"/>`;
      return `  ${line}<text class="ink" x="${at.toFixed(1)}" y="${bar + BAR + 17}" text-anchor="${anchorOf(at)}">${text}</text>`;
    }),
  ];
}

/** The marks of a bar; those that a reader could not tell apart are named together, with the time of the last. */
function labelsOf(marks: Marks, x: Scale): { at: number; text: string }[] {
  const named: [name: string, ms: number][] = [
    ['headers', marks.headersMs],
    ['first byte', marks.firstByteMs],
    ['first token', marks.firstTokenMs],
    ['end', marks.endMs],
  ];
  const labels: { at: number; names: string[]; ms: number }[] = [];
  for (const [name, ms] of named) {
    const before = labels.at(-1);
    if (before === undefined || x(ms) - before.at > TOGETHER) labels.push({ at: x(ms), names: [name], ms });
    else Object.assign(before, { names: [...before.names, name], ms });
  }
  return labels.map(({ at, names, ms }) => ({ at, text: `${names.join(', ')}: ${formatMs(ms)} ms` }));
}

/** Text near an edge grows inwards. */
function anchorOf(at: number): 'start' | 'middle' | 'end' {
  if (at < WIDTH / 4) return 'start';
  return at > (WIDTH * 3) / 4 ? 'end' : 'middle';
}
