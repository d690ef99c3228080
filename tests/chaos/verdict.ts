import { DEFECTS, type Defect, judgeLog, judgeReader, type Offence } from '@millrace/testing';
import { judgeAnswer, judgeRead } from './judge-answer.ts';
import { judgeRequests } from './judge-requests.ts';
import type { Struck } from './strikes.ts';
import type { Testimony } from './testimony.ts';

/** A job with a broken promise, and how it was broken. */
export interface Offended {
  readonly testimony: Testimony;
  readonly offences: readonly Offence[];
}

/** The result of a run. */
export interface Verdict {
  readonly counts: Readonly<Record<Defect, number>>;
  /** in the order in which the jobs began; empty if every promise was kept */
  readonly offended: readonly Offended[];
}

/** Judges a run by everything known about its jobs. */
export function verdictOn(testimonies: readonly Testimony[], struck: readonly Struck[]): Verdict {
  const offended = testimonies
    .map((testimony) => ({ testimony, offences: offencesOf(testimony, struck) }))
    .filter(({ offences }) => offences.length > 0);
  const all = offended.flatMap(({ offences }) => offences);
  const counts = DEFECTS.map((defect) => [defect, all.filter((offence) => offence.defect === defect).length]);
  return { counts: Object.fromEntries(counts), offended };
}

function offencesOf(testimony: Testimony, struck: readonly Struck[]): Offence[] {
  const { plan, seen, read, log } = testimony;
  return [
    ...judgeRequests(testimony, struck),
    ...judgeLog(log),
    ...judgeAnswer(testimony),
    ...seen.flatMap((reader) => judgeReader(reader, log)),
    ...read.flatMap((reader) => judgeRead(reader, log, plan)),
  ];
}
