import { cardSvg, escaped, MARGIN } from './card.ts';

/** One bar: its parts stand behind each other, in the colours of the legend. */
export interface Bar {
  readonly label: string;
  readonly parts: readonly number[];
  /** what is written behind it; nothing was measured where there are no parts */
  readonly value: string;
  /** whether it is the one that the picture is about */
  readonly ours: boolean;
}

/** Bars of one figure, on a scale of their own. */
export interface Panel {
  readonly title: string;
  readonly bars: readonly Bar[];
}

/** Figures side by side. */
export interface Bars {
  readonly title: string;
  readonly subtitle: string;
  /** what the parts of a bar are; empty where bars have one part */
  readonly legend: readonly string[];
  readonly panels: readonly Panel[];
}

const WIDTH = 760;
const LABELS = 268;
const VALUES = 128;
const HEAD = 76;
const LEGEND = 26;
const TITLE = 30;
const ROW = 24;
const BAR = 14;
const GAP = 12;

const STYLE = `
    .part0 { fill: #0969da } .part1 { fill: #8250df } .part2 { fill: #cf222e } .part3 { fill: #1a7f37 } .part4 { fill: #9a6700 }
    .other { fill: #afb8c1 }
    @media (prefers-color-scheme: dark) {
      .part0 { fill: #4493f8 } .part1 { fill: #ab7df8 } .part2 { fill: #f85149 } .part3 { fill: #3fb950 } .part4 { fill: #d29922 }
      .other { fill: #656c76 }
    }`;

/** Draws each figure as a panel of bars. Without a legend our bars are coloured and the others grey.
 *  @returns an SVG document that reads on light and dark pages */
export function barsSvg({ title, subtitle, legend, panels }: Bars): string {
  const top = HEAD + (legend.length > 0 ? LEGEND : 0);
  let y = top;
  const content = legend.flatMap((name, part) => legendEntry(name, part, legend));
  for (const panel of panels) {
    content.push(...panelAt(panel, y, legend.length > 0));
    y += heightOf(panel);
  }
  const spoken = panels.flatMap((panel) => panel.bars.map(({ label, value }) => `${panel.title}: ${label} ${value}`));
  return cardSvg({
    ...{ width: WIDTH, height: y + GAP, title, subtitle, style: STYLE, content },
    spoken: spoken.join('; '),
  });
}

function heightOf({ bars }: Panel): number {
  return TITLE + bars.length * ROW + GAP;
}

function legendEntry(name: string, part: number, legend: readonly string[]): string[] {
  const before = legend.slice(0, part).reduce((sum, each) => sum + 48 + each.length * 7, 0);
  const x = MARGIN + before;
  return [
    `  <rect class="part${part}" x="${x}" y="${HEAD - 8}" width="14" height="10" rx="2"/>` +
      `<text class="dim" x="${x + 20}" y="${HEAD + 1}">${escaped(name)}</text>`,
  ];
}

function panelAt({ title, bars }: Panel, top: number, coloured: boolean): string[] {
  const most = Math.max(...bars.map(({ parts }) => sum(parts)), Number.MIN_VALUE);
  const scale = (WIDTH - 2 * MARGIN - LABELS - VALUES) / most;
  return [
    `  <text class="ink label" x="${MARGIN}" y="${top + 16}">${escaped(title)}</text>`,
    ...bars.flatMap((bar, index) => barAt(bar, top + TITLE + index * ROW, scale, coloured)),
  ];
}

function barAt({ label, parts, value, ours }: Bar, top: number, scale: number, coloured: boolean): string[] {
  const left = MARGIN + LABELS;
  const weight = ours ? ' label' : '';
  let x = left;
  const rects = parts.map((part, index) => {
    const rect = `  <rect class="${coloured ? `part${index}` : ours ? 'part0' : 'other'}" x="${x.toFixed(1)}" y="${top - 2}" width="${(part * scale).toFixed(1)}" height="${BAR}"/>`;
    x += part * scale;
    return rect;
  });
  const baseline = top + 10;
  return [
    `  <text class="ink${weight}" x="${MARGIN}" y="${baseline}">${escaped(label)}</text>`,
    ...rects,
    `  <text class="ink${weight}" x="${(x + 8).toFixed(1)}" y="${baseline}">${escaped(value)}</text>`,
  ];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
