import { DEFECTS, partsOf } from '@millrace/testing';
import type { Struck } from './strikes.ts';
import type { Testimony, ThreadTestimony } from './testimony.ts';
import type { UsageTestimony } from './usage-evidence.ts';
import type { Verdict } from './verdict.ts';

type Row = readonly [name: string, figure: number];

/** All that is known of a run. */
interface Outcome {
  readonly testimonies: readonly Testimony[];
  readonly threads: readonly ThreadTestimony[];
  readonly struck: readonly Struck[];
  readonly verdict: Verdict;
  readonly usage: readonly UsageTestimony[];
  readonly crashes: readonly string[];
}

// ids and numbers differ between offences of a kind
const SPECIFICS = /[\w-]{16,}|\d+(?:[-.]\d+)*/g;
const KIND_LENGTH = 120;
const MOST_KINDS = 12;

/** The table at the end of a run. */
export function tableOf({ testimonies, threads, struck, verdict, usage, crashes }: Outcome): string {
  const faults = [...Map.groupBy(struck, ({ kind }) => kind)].map(([kind, all]): Row => [kind, all.length]);
  const tempers = [...Map.groupBy(testimonies, ({ plan }) => plan.temper)]
    .filter(([temper]) => temper !== 'speaks')
    .map(([temper, all]): Row => [`model ${temper}`, all.length]);
  return [
    ...section('load', loadOf(testimonies)),
    ...section('threads', threadsOf(threads)),
    ...section('ledger', ledgerOf(usage)),
    ...section(
      'faults',
      [...faults, ...tempers].sort(([one], [other]) => one.localeCompare(other)),
    ),
    ...section('must be 0', [
      ...DEFECTS.map((defect): Row => [defect, verdict.counts[defect]]),
      ['services that ended unasked', crashes.length],
    ]),
  ].join('\n');
}

/** The kinds of offences and how many of each, the most frequent first; '' if there are none. */
export function kindsOf({ offended, threads, usage }: Verdict): string {
  const all = [...[...offended, ...threads].flatMap(({ offences }) => offences), ...usage];
  const kinds = Map.groupBy(all, ({ defect, what }) => `${defect}: ${what.replaceAll(SPECIFICS, '#')}`);
  const rows = [...kinds].map(([kind, { length }]): Row => [kind.slice(0, KIND_LENGTH), length]);
  const most = rows.toSorted(([, one], [, other]) => other - one).slice(0, MOST_KINDS);
  return most.length === 0 ? '' : ['\noffences', ...most.map(([kind, count]) => `  ${count} × ${kind}`)].join('\n');
}

function loadOf(testimonies: readonly Testimony[]): Row[] {
  const asks = testimonies.flatMap((testimony) => testimony.asks);
  const seen = testimonies.flatMap((testimony) => testimony.seen);
  const log = testimonies.flatMap((testimony) => testimony.log);
  const ended = (event: string) => log.filter((entry) => entry.event === event).length;
  return [
    ['jobs', testimonies.length],
    ['completed', ended('done')],
    ['cancelled', ended('cancelled')],
    ['failed', ended('error')],
    ['events stored', log.length],
    ['events received', sum(seen.map(({ events }) => events.length))],
    ['readers', seen.length + sum(testimonies.map(({ read }) => read.length))],
    ['resumes', sum(seen.map(({ connections }) => Math.max(0, connections - 1)))],
    ['requests', asks.length],
    ['answered with 503', asks.filter(({ status }) => status === 503).length],
    ['lost and sent again', asks.filter(({ status }) => status === 0).length],
    ['delayed', testimonies.filter(({ plan }) => plan.delayMs !== null).length],
    ['take-overs', log.filter(({ id, event }) => event === 'started' && partsOf(id)[0] > 1).length],
  ];
}

function threadsOf(threads: readonly ThreadTestimony[]): Row[] {
  const jobs = threads.flatMap((thread) => thread.jobs);
  const followers = threads.flatMap((thread) => thread.followers);
  const inThreads = (matches: (job: Testimony) => boolean) => jobs.filter(matches).length;
  return [
    ['threads', threads.length],
    ['jobs in threads', inThreads(({ id }) => id !== null)],
    ['refused: busy, or no question', inThreads(({ id, asks }) => id === null && asks.at(-1)?.status === 409)],
    ['stopped by a later job', inThreads(({ log }) => log.at(-1)?.data.by === 'thread')],
    ['questions answered', inThreads(({ id, plan }) => id !== null && plan.place?.answer != null)],
    ['steps and messages held', sum(threads.map(({ held }) => held.length))],
    ['copies', sum(threads.map(({ copies }) => copies.filter(({ job }) => job !== null).length))],
    ['deleted', threads.filter(({ isDeleted }) => isDeleted).length],
    ['deleted under a running job', threads.filter(({ isDeleted, wasBusy }) => isDeleted && wasBusy).length],
    ['followers', followers.length],
    ['events that followers received', sum(followers.map(({ events }) => events.length))],
    ['resumes of followers', sum(followers.map(({ connections }) => Math.max(0, connections - 1)))],
  ];
}

function ledgerOf(usage: readonly UsageTestimony[]): Row[] {
  const total = (figure: (testimony: UsageTestimony) => number) => sum(usage.map(figure));
  return [
    ['attempts', total(({ sums }) => sums.attempts)],
    ['tokens', total(({ sums }) => sums.inputTokens + sums.outputTokens)],
    ['of these estimates', total(({ sums }) => sums.estimatedTokens)],
    ['counted by the model', total(({ reportedTokens }) => reportedTokens)],
  ];
}

function section(title: string, rows: readonly Row[]): string[] {
  return [`\n${title}`, ...rows.map(([name, figure]) => `  ${name.padEnd(32)}${String(figure).padStart(8)}`)];
}

function sum(figures: readonly number[]): number {
  return figures.reduce((total, figure) => total + figure, 0);
}
