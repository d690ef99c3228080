/** The ways to break a promise:
 *  `lost`: something accepted, stored or generated is missing, or a request was refused without a reason
 *  `repeated`: something arrived twice, or one request made two jobs
 *  `reordered`: something arrived before what precedes it
 *  `hung`: no end, or no answer, within the bound
 *  `double-ended`: two ends, something after the end, or an end that contradicts another
 *  `zombie`: text of an attempt that another had replaced, or a trace of a job that was undone
 *  `overlapped`: two jobs of a thread ran at the same time */
export const DEFECTS = ['lost', 'repeated', 'reordered', 'hung', 'double-ended', 'zombie', 'overlapped'] as const;

export type Defect = (typeof DEFECTS)[number];

/** One broken promise. */
export interface Offence {
  readonly defect: Defect;
  /** human-readable */
  readonly what: string;
}
