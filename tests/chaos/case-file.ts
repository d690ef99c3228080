import { type Offence, partsOf, type SseEvent } from '@millrace/testing';
import { turnOf } from './judge-thread.ts';
import type { Struck } from './strikes.ts';
import type { Watched } from './testimony.ts';
import type { Offended, OffendedThread } from './verdict.ts';

// one fault may affect a thousand events
const MOST_OFFENCES = 20;

const FOLD = '             …';

/** Everything about a job with a broken promise: its plan, the log, what each reader saw and when, the faults that
 *  struck meanwhile, and what the services logged about it.
 *  @param logged lines of the services
 *  @param startedAt `performance.now()` at the beginning of the run */
export function caseFileOf(
  { testimony, offences }: Offended,
  struck: readonly Struck[],
  logged: readonly string[],
  startedAt: number,
): string {
  const { plan, id, asks, seen, read, log } = testimony;
  const time = (at: number) => `${((at - startedAt) / 1_000).toFixed(3).padStart(9)} s`;
  const times = [...asks.map(({ at }) => at), ...seen.flatMap(({ events }) => events.map(({ at }) => at))];
  const [from, until] = [Math.min(...times), Math.max(...times)];
  const meanwhile = struck.filter((strike) => strike.from <= until && strike.until >= from - 10_000);
  return [
    `job ${id}`,
    ...summaryOf(offences),
    `plan: ${JSON.stringify(plan)}`,
    'requests:',
    ...asks.map(({ what, at, answeredAt, status, id: told, end }) => {
      return `  ${time(at)}  ${what} → ${status} ${told ?? ''} ${end ?? ''} after ${Math.round(answeredAt - at)} ms`;
    }),
    'faults meanwhile, and 10 s before:',
    ...meanwhile.map(({ kind, what, from: at, until: end }) => `  ${time(at)} to ${time(end)}  ${kind} ${what}`),
    'log:',
    ...folded(log, (entry) => `  ${told(entry)}`),
    ...seen.flatMap((reader) => testimonyOf(reader, time)),
    ...read.map(({ text, clean }) => `bare text, ${clean ? 'ended well' : 'broken off'}: ${JSON.stringify(text)}`),
    'logged:',
    ...logged.map((line) => `  ${line}`),
  ].join('\n');
}

/** Everything about a conversation with a broken promise: when its jobs were asked for and ran, what it holds, and the case
 *  file of each job.
 *  @param logOf lines of the services about a job
 *  @param startedAt as in {@link caseFileOf} */
export function threadFileOf(
  { thread, offences }: OffendedThread,
  struck: readonly Struck[],
  logOf: (id: string) => readonly string[],
  startedAt: number,
): string {
  const { plan, jobs, held, copies, order, followers, status, left, statuses } = thread;
  const began = performance.timeOrigin + startedAt;
  const time = (at: number | null) => (at === null ? '–' : `${((at - began) / 1_000).toFixed(3)} s`);
  const clockTime = (at: number) => time(at + performance.timeOrigin);
  const turns = jobs.map((job) => ({ job, turn: turnOf(job) }));
  return [
    `thread ${plan.tenant}.${plan.id} (${plan.talk}), ${status}`,
    ...summaryOf(offences),
    'its jobs:',
    ...turns.map(({ job: { plan: of, log, asks }, turn: { id, askedAt, answeredAt, startedAt: from, finishedAt } }) => {
      const what = of.place?.answer === null ? of.place.onBusy : `answers ${of.place?.answer}`;
      const end = JSON.stringify(log.at(-1)?.data ?? asks.at(-1)?.status);
      return `  ${id} ${what}: asked ${time(askedAt)}, ${time(answeredAt)}, ran ${time(from)} to ${time(finishedAt)}: ${end}`;
    }),
    'it holds:',
    ...held.map((item) => `  ${item}`),
    ...copies.map(({ id, held: copied, job }) => `its copy ${id}, with job ${job?.id}, holds: ${copied.join(' | ')}`),
    `turns: ${order.join(', ')}`,
    `about the thread itself: ${statuses.map(({ what, status: answer }) => `${what} ${answer}`).join(', ')}`,
    ...(left.length === 0 ? [] : ['Redis still holds:', ...left.map((key) => `  ${key}`)]),
    ...followers.map(({ begins, isGone, ...seen }) => {
      return [`began at ${begins}${isGone ? ', is gone' : ''}`, ...testimonyOf(seen, clockTime)].join('\n');
    }),
    ...[...turns.map(({ job }) => job), ...copies.flatMap(({ job }) => job ?? [])].map((job) => {
      return `\n${caseFileOf({ testimony: job, offences: [] }, struck, job.id === null ? [] : logOf(job.id), startedAt)}`;
    }),
  ].join('\n');
}

function summaryOf(offences: readonly Offence[]): string[] {
  const kinds = [...Map.groupBy(offences, ({ defect, what }) => `${defect}: ${what}`)];
  const lines = kinds.map(([text, all]) => `  ${text}${all.length > 1 ? ` (${all.length} times)` : ''}`);
  const more = lines.splice(MOST_OFFENCES).length;
  return more === 0 ? lines : [...lines, `  and ${more} more`];
}

function testimonyOf({ name, events, refusals, connections, left }: Watched, time: (at: number) => string): string[] {
  const refused = refusals.length === 0 ? '' : `, refused with ${refusals.join(' ')}`;
  return [
    `${name}: ${connections} connections${refused}${left ? ', left' : ''}`,
    ...folded(events, (event) => `  ${time(event.at)}  ${told(event)}`),
  ];
}

/** Keeps only the first and the last of consecutive texts. */
function folded(events: readonly SseEvent[], line: (event: SseEvent) => string): string[] {
  const joins = (one: SseEvent | undefined, other: SseEvent | undefined) => {
    const [[attempt, seq], [nextAttempt, nextSeq]] = [partsOf(one?.id), partsOf(other?.id)];
    return one?.event === 'message' && other?.event === 'message' && attempt === nextAttempt && nextSeq === seq + 1;
  };
  const lines: string[] = [];
  for (const [index, event] of events.entries()) {
    const [before, after] = [events[index - 1], events[index + 1]];
    if (!joins(before, event) || !joins(event, after)) lines.push(line(event));
    else if (lines.at(-1) !== FOLD) lines.push(FOLD);
  }
  return lines;
}

function told({ id, event, data }: SseEvent): string {
  return `${id} ${event} ${JSON.stringify(data)}`;
}
