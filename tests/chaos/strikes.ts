import { setTimeout as delay } from 'node:timers/promises';
import { strike } from './faults.ts';
import type { FaultKind, Strike } from './schedule.ts';
import type { Stage } from './stage.ts';

/** A fault that has struck. Times are of `performance.now()`. */
export interface Struck {
  readonly kind: FaultKind;
  readonly from: number;
  /** when all that it had taken away was back; `Infinity` until then */
  until: number;
  /** what it struck, as far as it chose */
  what: string;
}

/** Strikes as the schedule says: in order within a lane, where one that takes long delays the next; the lanes beside
 *  each other.
 *  @param startedAt `performance.now()` at the beginning of the run
 *  @param struck is told of each as it begins
 *  @returns settled when the last one is over */
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
