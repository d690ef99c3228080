import { InvalidRequest } from './problem.ts';

interface MediaRange {
  readonly type: string;
  readonly subtype: string;
  /** 0 … 1 */
  readonly quality: number;
  /** 2: `a/b`, 1: `a/*`, 0: `*\/*` */
  readonly specificity: number;
}

/** Chooses the media type of an answer, RFC 9110 §12.5.1: each offer has the quality of the most specific range that
 *  matches it. Among equals the more specific match wins, then the earlier range, then the earlier offer. So
 *  `application/json, text/plain, *\/*` means JSON.
 *  @param offers media types, the preferred one first
 *  @throws InvalidRequest none of the offers is acceptable */
export function negotiate<T extends string>(accept: string | undefined, offers: readonly [T, ...T[]]): T {
  if (accept === undefined || accept.trim() === '') return offers[0];
  const ranges = parseAccept(accept);
  let best: { offer: T; match: Match } | null = null;
  for (const offer of offers) {
    const match = matchOf(offer, ranges);
    if (match !== null && (best === null || isBetter(match, best.match))) best = { offer, match };
  }
  if (best !== null) return best.offer;
  throw new InvalidRequest(`The header Accept matches none of ${offers.join(', ')}.`);
}

interface Match {
  readonly quality: number;
  readonly specificity: number;
  readonly index: number;
}

function matchOf(offer: string, ranges: readonly MediaRange[]): Match | null {
  const [type, subtype] = offer.split('/');
  let match: Match | null = null;
  for (const [index, range] of ranges.entries()) {
    const fits = (range.type === '*' || range.type === type) && (range.subtype === '*' || range.subtype === subtype);
    if (fits && (match === null || range.specificity > match.specificity)) {
      match = { quality: range.quality, specificity: range.specificity, index };
    }
  }
  return match === null || match.quality === 0 ? null : match;
}

function isBetter(a: Match, b: Match): boolean {
  if (a.quality !== b.quality) return a.quality > b.quality;
  if (a.specificity !== b.specificity) return a.specificity > b.specificity;
  return a.index < b.index;
}

function parseAccept(accept: string): MediaRange[] {
  return accept.split(',').flatMap((part) => {
    const [range = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
    const [type = '', subtype = ''] = range.split('/');
    if (type === '' || subtype === '') return []; // a malformed range matches nothing
    const specificity = type === '*' ? 0 : subtype === '*' ? 1 : 2;
    return { type, subtype, quality: qualityOf(parameters), specificity };
  });
}

function qualityOf(parameters: readonly string[]): number {
  const given = parameters.find((parameter) => parameter.startsWith('q='));
  if (given === undefined) return 1;
  const quality = Number(given.slice(2));
  return quality >= 0 && quality <= 1 ? quality : 0;
}
