/** The page that every picture is drawn on: a card of its own, so that it reads on any page; its colours follow the
 *  reader's scheme. */
interface Card {
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly subtitle: string;
  /** the figures in words, for who cannot see them */
  readonly spoken: string;
  /** further rules of the style sheet */
  readonly style?: string;
  readonly content: readonly string[];
}

/** From the edge of a card to what is drawn on it. */
export const MARGIN = 28;

const STYLE = `
    .card { fill: #ffffff; stroke: #d0d7de } .ink { fill: #1f2328 } .dim { fill: #59636e } .grid { stroke: #d8dee4 }
    @media (prefers-color-scheme: dark) {
      .card { fill: #0d1117; stroke: #3d444d } .ink { fill: #f0f6fc } .dim { fill: #9198a1 } .grid { stroke: #30363d }
    }
    text { font: 13px system-ui, sans-serif } .title { font-weight: 600; font-size: 16px } .label { font-weight: 600 }`;

/** @returns an SVG document that reads on light and dark pages */
export function cardSvg({ width, height, title, subtitle, spoken, style = '', content }: Card): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title description">`,
    `  <title id="title">${escaped(title)}</title>`,
    `  <desc id="description">${escaped(spoken)}</desc>`,
    `  <style>${STYLE}${style}\n  </style>`,
    `  <rect class="card" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10"/>`,
    `  <text class="ink title" x="${MARGIN}" y="34">${escaped(title)}</text>`,
    `  <text class="dim" x="${MARGIN}" y="54">${escaped(subtitle)}</text>`,
    ...content,
    '</svg>',
    '',
  ].join('\n');
}

/** Text as XML has it. */
export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
