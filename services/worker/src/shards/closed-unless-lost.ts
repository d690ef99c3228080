import { setTimeout as delay } from 'node:timers/promises';
import type { ShardPresence } from './shard-presence.ts';

/** How long a shutdown waits for a shard that does not answer, milliseconds: all that wait together must have given up before the
 *  process ends, 5 s after the grace time. */
const PATIENCE_MS = 500;

/** Waits until something is closed, which may be for ever if it waits for a shard that is lost: then for a moment only.
 *  @param presences of the shards that it may wait for
 *  @param patienceMs how long the moment is, milliseconds
 *  @returns false: it is not closed
 *  @throws what `closed` rejects with */
export async function closedUnlessLost(
  closed: Promise<unknown>,
  presences: readonly Pick<ShardPresence, 'isThere'>[],
  patienceMs = PATIENCE_MS,
): Promise<boolean> {
  const ended = new AbortController();
  const { signal } = ended;
  const givenUp = async (): Promise<boolean> => {
    do {
      await delay(patienceMs, undefined, { signal }).catch(() => undefined);
    } while (!signal.aborted && presences.every(({ isThere }) => isThere));
    return false;
  };
  try {
    return await Promise.race([closed.then(() => true), givenUp()]);
  } finally {
    ended.abort();
  }
}
