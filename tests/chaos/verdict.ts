import { DEFECTS, type Defect, judgeLog, judgeReader, type Offence } from '@millrace/testing';
import { judgeAnswer, judgeRead } from './judge-answer.ts';
import { judgeRequests } from './judge-requests.ts';
import { judgeThread } from './judge-thread.ts';
import { judgeUsage } from './judge-usage.ts';
import type { Struck } from './strikes.ts';
import type { Testimony, ThreadTestimony } from './testimony.ts';
import type { UsageTestimony } from './usage-evidence.ts';

/** A job with a broken promise, and how it was broken. */
export interface Offended {
  readonly testimony: Testimony;
  readonly offences: readonly Offence[];
}

/** A conversation with a broken promise, beyond those of its jobs. */
export interface OffendedThread {
  readonly thread: ThreadTestimony;
  readonly offences: readonly Offence[];
}

/** The result of a run. */
export interface Verdict {
  readonly counts: Readonly<Record<Defect, number>>;
  /** in the order in which the jobs began; empty if every promise was kept */
  readonly offended: readonly Offended[];
  readonly threads: readonly OffendedThread[];
  /** of the ledger */
  readonly usage: readonly Offence[];
}

/** Judges a run by everything known about its jobs and threads. */
export function verdictOn(
  testimonies: readonly Testimony[],
  struck: readonly Struck[],
  conversations: readonly ThreadTestimony[] = [],
  ledgers: readonly UsageTestimony[] = [],
): Verdict {
  const offended = testimonies
    .map((testimony) => ({ testimony, offences: offencesOf(testimony, struck) }))
    .filter(({ offences }) => offences.length > 0);
  const threads = conversations
    .map((thread) => ({ thread, offences: judgeThread(thread) }))
    .filter(({ offences }) => offences.length > 0);
  const usage = ledgers.flatMap(judgeUsage);
  const all = [...[...offended, ...threads].flatMap(({ offences }) => offences), ...usage];
  const counts = DEFECTS.map((defect) => [defect, all.filter((offence) => offence.defect === defect).length]);
  return { counts: Object.fromEntries(counts), offended, threads, usage };
}

function offencesOf(testimony: Testimony, struck: readonly Struck[]): Offence[] {
  const { plan, id, seen, read, log, isErased } = testimony;
  if (id === null) return judgeRequests(testimony, struck);
  // nothing is left to compare with: the thread's own judgement looks at what its readers saw
  if (isErased) return [];
  return [
    ...judgeRequests(testimony, struck),
    ...judgeLog(log),
    ...judgeAnswer(testimony),
    ...seen.flatMap((reader) => judgeReader(reader, log)),
    ...read.flatMap((reader) => judgeRead(reader, log, plan)),
  ];
}
