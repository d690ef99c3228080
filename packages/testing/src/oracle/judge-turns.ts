import type { Offence } from './offence.ts';

/** When a job of a thread was asked for and when it ran. Milliseconds since the epoch, on one machine's clock. */
export interface Turn {
  readonly id: string;
  /** what its request asked for in case the thread is busy; null: it answers a question */
  readonly onBusy: 'enqueue' | 'reject' | 'interrupt' | 'rollback' | null;
  /** when its first request was sent */
  readonly askedAt: number;
  /** when it was known to be accepted */
  readonly answeredAt: number;
  /** by the clock of Redis, when its first attempt began; null: it never ran */
  readonly startedAt: number | null;
  /** by the clock of Redis; null: it has no end */
  readonly finishedAt: number | null;
  /** it was cancelled by the thread */
  readonly stopped: boolean;
}

/** Two clocks of one machine, one of them in whole milliseconds: what is closer than this has no order. */
const TICK_MS = 5;

/** Judges the jobs of one thread: at most one runs at a time, each in its turn, and none is stopped by nobody.
 *  @see docs/laws.md, law 17 */
export function judgeTurns(turns: readonly Turn[]): Offence[] {
  return [...judgeOverlaps(turns), ...judgeOrder(turns), ...judgeStops(turns)];
}

/** Whether another job has asked to stop whatever runs, before this one ended. */
export function stoppersOf(turn: Turn, turns: readonly Turn[]): Turn[] {
  return turns.filter((other) => other !== turn && stops(other) && other.askedAt <= (turn.finishedAt ?? Infinity));
}

function judgeOverlaps(turns: readonly Turn[]): Offence[] {
  const ran = turns.filter(({ startedAt }) => startedAt !== null).sort((one, other) => begin(one) - begin(other));
  const offences: Offence[] = [];
  let longest: Turn | undefined;
  for (const turn of ran) {
    if (longest !== undefined && begin(turn) < end(longest)) {
      const what = `${turn.id} began at ${turn.startedAt}, before ${longest.id} had ended at ${longest.finishedAt}`;
      offences.push({ defect: 'overlapped', what });
    }
    if (longest === undefined || end(turn) > end(longest)) longest = turn;
  }
  return offences;
}

function judgeOrder(turns: readonly Turn[]): Offence[] {
  const offences: Offence[] = [];
  for (const early of turns) {
    for (const late of turns) {
      if (early.answeredAt >= late.askedAt || early.startedAt === null || late.startedAt === null) continue;
      // who stops the running job goes before those that still wait
      const overtakes = stops(late) && begin(early) > late.answeredAt + TICK_MS;
      const [first, second] = overtakes ? [late, early] : [early, late];
      if (stops(late) && !overtakes) continue;
      if (begin(first) <= begin(second)) continue;
      offences.push({ defect: 'reordered', what: `${second.id} ran before ${first.id}, whose turn it was` });
    }
  }
  return offences;
}

function judgeStops(turns: readonly Turn[]): Offence[] {
  return turns
    .filter((turn) => turn.stopped && turn.onBusy !== 'reject' && stoppersOf(turn, turns).length === 0)
    .map(
      ({ id }): Offence => ({ defect: 'lost', what: `${id} was cancelled by the thread, and nobody asked for that` }),
    );
}

function stops({ onBusy }: Turn): boolean {
  return onBusy === 'interrupt' || onBusy === 'rollback';
}

function begin({ startedAt }: Turn): number {
  return startedAt ?? Infinity;
}

function end({ finishedAt }: Turn): number {
  return finishedAt ?? Infinity;
}
