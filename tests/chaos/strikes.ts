import { setTimeout as delay } from 'node:timers/promises';
import { strike } from './faults.ts';
import type { FaultKind, Strike } from './schedule.ts';
import type { Stage } from './stage.ts';

/** A fault that has struck. Times are `performance.now()`. */
export interface Struck {
  readonly kind: FaultKind;
  readonly from: number;
  /** when everything it took away was restored; `Infinity` until then */
  until: number;
  /** what it struck, if it had a choice */
  what: string;
}

/** Carries out the schedule: in order within a lane, where a long strike delays the next; lanes run in parallel.
 *  @param startedAt `performance.now()` at the start of the run
 *  @param struck called with each strike as it begins
 *  @returns settles when the last strike is over */
export async function strikeAll(
  stage: Stage,
  schedule: readonly Strike[],
  startedAt: number,
  struck: Struck[],
): Promise<void> {
  const lanes = Map.groupBy(schedule, ({ lane }) => lane);
  await Promise.all(
    [...lanes.values()].map(async (strikes) => {
      for (const next of strikes) {
        await delay(Math.max(0, startedAt + next.atMs - performance.now()));
        const now: Struck = { kind: next.kind, from: performance.now(), until: Number.POSITIVE_INFINITY, what: '' };
        struck.push(now);
        now.what = await strike(stage, next);
        now.until = performance.now();
      }
    }),
  );
}
