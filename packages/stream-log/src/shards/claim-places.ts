import { ShardMisplaced } from '../errors.ts';
import type { KeySpace } from '../redis/keys.ts';

/** How long to wait for a Redis, milliseconds: as long as a connection for callers waits; one of a worker would wait for ever. */
const ANSWER_MS = 1_500;

/** What is asked of a Redis: any connection will do. */
interface PlaceConnection {
  set(key: string, value: string, mode: 'NX'): Promise<unknown>;
  get(key: string): Promise<string | null>;
}

/** Notes in each Redis which shard it is, unless that is noted already, and finds those that are named in another place than before, or
 *  twice. While one does not answer, none is noted: whoever starts later does it.
 *  @param connections in the order of REDIS_URLS
 *  @throws ShardMisplaced */
export async function claimPlaces(
  connections: readonly PlaceConnection[],
  { shardPlace: key }: Pick<KeySpace, 'shardPlace'>,
): Promise<void> {
  const count = connections.length;
  const check = (noted: string | null | undefined, place: number) => {
    if (typeof noted === 'string' && noted !== String(place)) throw new ShardMisplaced({ place, noted, count, key });
  };
  const before = await Promise.all(connections.map((redis) => unlessAway(() => redis.get(key))));
  // a wrong order must leave nothing in one that is new
  before.forEach(check);
  if (before.includes(undefined)) return;
  // one after the other: of two that are the same Redis, the first has it
  for (const [place, redis] of connections.entries()) {
    const note = async () => {
      await redis.set(key, String(place), 'NX');
      return redis.get(key);
    };
    if (before[place] === null) check(await unlessAway(note), place);
  }
}

/** @returns undefined: it does not answer, or is full */
async function unlessAway(ask: () => Promise<string | null>): Promise<string | null | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), ANSWER_MS);
  try {
    return await Promise.race([ask().catch(() => undefined), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
