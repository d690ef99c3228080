import { cardSvg, escaped, MARGIN } from './card.ts';

/** A place on a curve. */
interface Point {
  readonly x: number;
  readonly y: number;
}

/** How one figure grows with another, both on logarithmic scales. */
interface Curve {
  readonly title: string;
  /** what the axes are, with units */
  readonly of: string;
  readonly over: string;
  readonly points: readonly Point[];
}

/** Curves side by side. */
export interface Curves {
  readonly title: string;
  readonly subtitle: string;
  readonly curves: readonly Curve[];
}

const WIDTH = 760;
const HEAD = 84;
const HEIGHT = 330;
const PLOT = 150;
const GAP = 34;

const STYLE = `
    .curve { fill: none; stroke: #0969da; stroke-width: 2 } .point { fill: #0969da }
    .linear { stroke: #59636e; stroke-dasharray: 4 4 } .small { font-size: 11px }
    @media (prefers-color-scheme: dark) {
      .curve { stroke: #4493f8 } .point { fill: #4493f8 } .linear { stroke: #9198a1 }
    }`;

/** Draws each curve in a frame of its own, with the straight line of growth in proportion through its last point.
 *  @returns an SVG document that reads on light and dark pages */
export function curvesSvg({ title, subtitle, curves }: Curves): string {
  const width = (WIDTH - 2 * MARGIN - (curves.length - 1) * GAP) / Math.max(1, curves.length);
  const spoken = curves.flatMap(({ title: name, points }) => points.map(({ x, y }) => `${name}: ${x}, ${y}`));
  return cardSvg({
    ...{ width: WIDTH, height: HEIGHT, title, subtitle, style: STYLE, spoken: spoken.join('; ') },
    content: curves.flatMap((curve, index) => frame(curve, MARGIN + index * (width + GAP), width)),
  });
}

function frame({ title, of, over, points }: Curve, left: number, width: number): string[] {
  const x = logScale(
    points.map((point) => point.x),
    left,
    left + width,
  );
  const y = logScale(
    points.map((point) => point.y),
    HEAD + 40 + PLOT,
    HEAD + 40,
  );
  const path = points.map((point, index) => `${index === 0 ? 'M' : 'L'}${at(x, point.x)} ${at(y, point.y)}`).join('');
  return [
    `  <text class="ink label" x="${left}" y="${HEAD + 4}">${escaped(title)}</text>`,
    `  <text class="dim small" x="${left}" y="${HEAD + 22}">${escaped(of)}</text>`,
    `  <path class="grid" d="M${left} ${HEAD + 40}V${HEAD + 40 + PLOT}H${left + width}" fill="none"/>`,
    ...proportional(points, x, y),
    `  <path class="curve" d="${path}"/>`,
    ...points.map((point) => `  <circle class="point" cx="${at(x, point.x)}" cy="${at(y, point.y)}" r="3"/>`),
    ...points.map((point, index) => valueAt(point, index, { x, y, points })),
    ...points.map((point) => tickAt(point, x)),
    `  <text class="dim small" x="${left}" y="${HEAD + 40 + PLOT + 38}">${escaped(over)}</text>`,
  ];
}

type Scale = (value: number) => number;

/** From the least to the greatest of the values, a tenth of the way inside the ends. */
function logScale(values: readonly number[], from: number, to: number): Scale {
  const logs = values.map((value) => Math.log10(Math.max(value, 1e-6)));
  const [least, most] = [Math.min(...logs), Math.max(...logs)];
  const span = most - least || 1;
  const inner = 0.08;
  return (value) => {
    const share = (Math.log10(Math.max(value, 1e-6)) - least) / span;
    return from + (to - from) * (inner + share * (1 - 2 * inner));
  };
}

/** What growth in proportion would be: as far down as the curve goes. */
function proportional(points: readonly Point[], x: Scale, y: Scale): string[] {
  const last = points.at(-1);
  const first = points[0];
  if (last === undefined || first === undefined || first === last) return [];
  const least = Math.min(...points.map((point) => point.y));
  // along the line until it leaves the frame, on one side or the other
  const fromX = Math.max(first.x, (least / last.y) * last.x);
  const start = { x: fromX, y: (fromX / last.x) * last.y };
  return [`  <path class="linear" d="M${at(x, start.x)} ${at(y, start.y)}L${at(x, last.x)} ${at(y, last.y)}"/>`];
}

function valueAt(
  { x: over, y: of }: Point,
  index: number,
  { x, y, points }: { x: Scale; y: Scale; points: readonly Point[] },
): string {
  const anchor = index === points.length - 1 ? 'end' : 'start';
  return `  <text class="ink small" x="${at(x, over)}" y="${(y(of) - 8).toFixed(1)}" text-anchor="${anchor}">${short(of)}</text>`;
}

function tickAt({ x: over }: Point, x: Scale): string {
  return `  <text class="dim small" x="${at(x, over)}" y="${HEAD + 40 + PLOT + 18}" text-anchor="middle">${short(over)}</text>`;
}

function at(scale: Scale, value: number): string {
  return scale(value).toFixed(1);
}

/** `5,000` as `5k`: there is little room. */
function short(value: number): string {
  if (value >= 1_000) return `${Number((value / 1_000).toPrecision(2))}k`;
  return String(Number(value.toPrecision(2)));
}
