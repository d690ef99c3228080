/** The ways in which a promise can be broken:
 *  `lost`: something that was accepted, stored or said is missing, or a request was refused without a reason
 *  `repeated`: something came twice, or one request made two jobs
 *  `reordered`: something came before what was before it
 *  `hung`: no end, or no answer, within the bound
 *  `double-ended`: two ends, something after the end, or an end that contradicts another
 *  `zombie`: words of an attempt that another one had replaced */
export const DEFECTS = ['lost', 'repeated', 'reordered', 'hung', 'double-ended', 'zombie'] as const;

export type Defect = (typeof DEFECTS)[number];

/** One broken promise. */
export interface Offence {
  readonly defect: Defect;
  /** for a person */
  readonly what: string;
}

/** Orders event ids: negative, zero or positive, as for sorting. */
export function compareIds(one: string, other: string): number {
  const [attempt, seq] = partsOf(one);
  const [otherAttempt, otherSeq] = partsOf(other);
  return attempt - otherAttempt || seq - otherSeq;
}

/** The attempt and the seq of an event id. */
export function partsOf(id: string | undefined): [attempt: number, seq: number] {
  const [attempt = 0, seq = 0] = (id ?? '').split('-').map(Number);
  return [attempt, seq];
}
