/** The ways in which a promise can be broken:
 *  `lost`: something that was accepted, stored or generated is missing, or a request was refused without a reason
 *  `repeated`: something came twice, or one request made two jobs
 *  `reordered`: something came before what precedes it
 *  `hung`: no end, or no answer, within the bound
 *  `double-ended`: two ends, something after the end, or an end that contradicts another
 *  `zombie`: text of an attempt that another one had replaced */
export const DEFECTS = ['lost', 'repeated', 'reordered', 'hung', 'double-ended', 'zombie'] as const;

export type Defect = (typeof DEFECTS)[number];

/** One broken promise. */
export interface Offence {
  readonly defect: Defect;
  /** for a person */
  readonly what: string;
}
