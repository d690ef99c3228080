import type { Offence } from './offence.ts';

/** What one job must, and may, have left in its thread. */
export interface Chapter {
  /** whose it is */
  readonly name: string;
  /** all that the job could leave, in order; no two items of a thread are equal */
  readonly items: readonly string[];
  /** how many of them there must be at least, from the first */
  readonly least: number;
  /** how many of them there may be at most */
  readonly most: number;
}

/** Judges what a thread holds (the steps in its state, the messages in its memory): of each job as much as it did, in the
 *  order of the jobs, once.
 *  @param name of what is judged
 *  @param held what the thread holds
 *  @param chapters its jobs, in the order of their turns */
export function judgeChronicle(name: string, held: readonly string[], chapters: readonly Chapter[]): Offence[] {
  let at = 0;
  for (const chapter of chapters) {
    const { items, least, most } = chapter;
    const from = at;
    while (at - from < most && held[at] !== undefined && held[at] === items[at - from]) at += 1;
    if (at - from >= least) continue;
    return [wrong(name, held, at, { chapters, missing: items[at - from] ?? '' })];
  }
  // what follows is wrong for the same reason
  return at === held.length ? [] : [wrong(name, held, at, { chapters, missing: '' })];
}

interface Due {
  readonly chapters: readonly Chapter[];
  /** what should be there; '' for the end */
  readonly missing: string;
}

function wrong(name: string, held: readonly string[], at: number, { chapters, missing }: Due): Offence {
  const strange = held[at];
  if (strange === undefined) return { defect: 'lost', what: `${name}: ${missing} is missing at the end` };
  if (held.slice(0, at).includes(strange)) return { defect: 'repeated', what: `${name}: ${strange} is there twice` };
  const what = `${name}: ${strange} is there where ${missing || 'the end'} is due`;
  const place = chapters.find(({ items }) => items.includes(strange));
  if (place === undefined || place.items.indexOf(strange) >= place.most) return { defect: 'zombie', what };
  return { defect: held.slice(at).includes(missing) ? 'reordered' : 'lost', what };
}
