import { idOf, type JobRef, newRequestId, shardNamedBy } from '@millrace/contracts';
import { ShardAway } from '../errors.ts';
import type { KeySpace } from '../redis/keys.ts';
import { rendezvous } from './rendezvous.ts';

/** The shard of something that may be there: at once where its name tells, otherwise after a look. */
export type Located = number | Promise<number>;

/** What is asked of a shard: a connection for commands to it will do. */
interface ShardConnection {
  /** `ready`: it is up */
  readonly status: string;
  exists(key: string): Promise<number>;
}

export interface ShardsOptions {
  /** to each */
  readonly connections: readonly ShardConnection[];
  /** the same in each */
  readonly keys: Pick<KeySpace, 'record'>;
  /** How many shards there were when each of them came, ascending; the last number is that of all. `[2, 3]`: it began with two, and
   *  a third was added. */
  readonly generations: readonly number[];
  /** how many of them, from the first, get what is new; left out: all */
  readonly inUse?: number | undefined;
}

/** What the lists of all shards together say, as far as they answer. */
export interface Gathered<R> {
  readonly results: readonly R[];
  /** whether a shard did not answer */
  readonly isPartial: boolean;
}

/** A client that tries them all at once must not become a flood. */
const MAX_OTHER_IDS = 3;

/** Several independent deployments of Redis, the shards: which of them has a job, a thread or another thing with a name.
 *
 *  An id of the service's own names its shard. Anything else is found by its hash, among the shards that there were at the time: where
 *  shards were added later it is looked for in the few places where it may be, and what is nowhere goes to the newest one. So nothing
 *  moves when a shard is added.
 *
 *  The first shard is *home* to what belongs to the whole deployment.
 *  @see docs/adr/0056-shards-are-whole.md */
export class Shards {
  readonly #options: ShardsOptions;
  readonly #inUse: number;
  /** of shards among which a name was ever hashed; first that among which a new one is */
  readonly #counts: readonly number[];
  /** what is known to be there, such as a job that runs */
  readonly #pinned = new Map<string, { readonly shard: number; users: number }>();

  constructor(options: ShardsOptions) {
    this.#options = options;
    this.#inUse = options.inUse ?? options.connections.length;
    this.#counts = [...new Set([this.#inUse, ...options.generations])];
  }

  get count(): number {
    return this.#options.connections.length;
  }

  /** How many take new jobs: one that is just being added does not. */
  get taking(): number {
    return this.#inUse;
  }

  get indexes(): number[] {
    return [...this.#options.connections.keys()];
  }

  /** Whether a shard has a connection. One that hangs has one for some seconds. */
  isUp(shard: number): boolean {
    return this.#options.connections[shard]?.status === 'ready';
  }

  /** @returns a fresh id of a job, in a shard that is up */
  newJobId(): string {
    return newRequestId(this.#anyOf(this.indexes.slice(0, this.#inUse)));
  }

  /** @param tried shards that have not answered, or have no room
   *  @returns a fresh id of a job, in another shard, one that is up if there is any; null: all have been tried */
  otherJobId(tried: ReadonlySet<number>): string | null {
    const others = this.indexes.slice(0, this.#inUse).filter((shard) => !tried.has(shard));
    return others.length === 0 ? null : newRequestId(this.#anyOf(others));
  }

  /** @param ref a job that is nowhere, whose id a client chose
   *  @returns fresh ids of a job, {@link MAX_OTHER_IDS} at most, each in another shard that is up if any is; none: there is no other */
  otherJobIds(ref: JobRef): string[] {
    const [place, ...older] = this.placesOfJob(ref);
    // with several places, it is not known which of them did not answer
    const others = this.indexes.slice(0, this.#inUse).filter((shard) => shard !== place || older.length > 0);
    const up = others.filter((shard) => this.isUp(shard));
    const inAnyOrder = (up.length > 0 ? up : others).map((shard) => ({ shard, turn: Math.random() }));
    const chosen = inAnyOrder.toSorted((one, other) => one.turn - other.turn).slice(0, MAX_OTHER_IDS);
    return chosen.map(({ shard }) => newRequestId(shard));
  }

  /** @returns the number in an id that looks like one of the service's own and names a shard that there is not; null: the id has another
   *    form, or its shard is there. A new job may not have such an id: once there is the shard, it would be looked for in it */
  absentShardIn(jobId: string): number | null {
    const named = shardNamedBy(jobId);
    return named === null || named < this.count ? null : named;
  }

  /** @param key that exists where the job is; left out: its record
   *  @returns the shard that has a job, or would have it */
  ofJob(ref: JobRef, key = this.#options.keys.record(ref)): Located {
    return this.#pinned.get(ref)?.shard ?? this.#named(ref) ?? this.of(ref, key);
  }

  /** @returns all shards that may have something of a job, or have had it, wherever it is now */
  placesOfJob(ref: JobRef): number[] {
    const named = this.#named(ref);
    return named === null ? this.#placesOf(ref) : [named];
  }

  /** @returns the shard that has a job whose place is known at once: it runs here, or its id is the service's own
   *  @throws TypeError it is not */
  ofKnownJob(ref: JobRef): number {
    const pinned = this.#pinned.get(ref);
    const [place, ...others] = pinned === undefined ? this.placesOfJob(ref) : [pinned.shard];
    if (place !== undefined && others.length === 0) return place;
    throw new TypeError('the place of this job is not known without a look');
  }

  /** @param name what is hashed
   *  @param key that exists where the thing is
   *  @returns the shard that has it, or would have it
   *  @throws Error a shard that may have it does not answer */
  of(name: string, key: string): Located {
    const [place, ...elsewhere] = this.#placesOf(name) as [number, ...number[]];
    return elsewhere.length === 0 ? place : this.#lookFor(key, place, elsewhere);
  }

  /** @returns whether a new thing with this name can be made now: what it may stand for would be in shards that are up */
  canTake(name: string): boolean {
    return this.#placesOf(name).every((shard) => this.isUp(shard));
  }

  /** Remembers where a job is, as long as it runs here: nothing need be looked for. */
  pin(ref: JobRef, shard: number): Disposable {
    const pinned = this.#pinned.get(ref) ?? { shard, users: 0 };
    pinned.users += 1;
    this.#pinned.set(ref, pinned);
    return {
      [Symbol.dispose]: () => {
        pinned.users -= 1;
        if (pinned.users === 0) this.#pinned.delete(ref);
      },
    };
  }

  /** Does something with jobs in their shards, those of a shard together.
   *  @param parts one for each shard
   *  @param things each a reference, or with one
   *  @throws the first error */
  async divided<T, Thing extends JobRef | { readonly ref: JobRef }, R>(
    parts: readonly T[],
    things: readonly Thing[],
    call: (part: T, own: readonly Thing[]) => Promise<R>,
  ): Promise<R[]> {
    const located = await Promise.all(
      things.map(async (thing) => {
        return { thing, shard: await this.ofJob(typeof thing === 'string' ? thing : thing.ref) };
      }),
    );
    const byNumber = [...Map.groupBy(located, ({ shard }) => shard)];
    const callOne = ([shard, own]: (typeof byNumber)[number]) => {
      return call(
        parts[shard] as T,
        own.map(({ thing }) => thing),
      );
    };
    return Promise.all(byNumber.map(callOne));
  }

  /** Does something in every shard, side by side.
   *  @param parts one for each shard
   *  @throws the first error, once all are done: what the others did stands */
  async everywhere<T, R>(parts: readonly T[], call: (part: T, shard: number) => Promise<R>): Promise<R[]> {
    const outcomes = await Promise.allSettled(parts.map(call));
    return outcomes.map((outcome) => {
      if (outcome.status === 'rejected') throw outcome.reason;
      return outcome.value;
    });
  }

  /** Asks every shard that is up.
   *  @param parts one for each shard
   *  @throws the first error if none answers */
  async gather<T, R>(parts: readonly T[], call: (part: T, shard: number) => Promise<R>): Promise<Gathered<R>> {
    const up = this.indexes.filter((shard) => this.isUp(shard));
    // with none up, the connections say why
    const asked = up.length > 0 ? up : this.indexes;
    const outcomes = await Promise.allSettled(asked.map((shard) => call(parts[shard] as T, shard)));
    const results = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (results.length === 0 && failed !== undefined) throw failed.reason;
    return { results, isPartial: results.length < this.count };
  }

  /** Looks for something in every shard that is up. What none of them has may be in one that is not.
   *  @param parts one for each shard
   *  @throws Error nothing was found, and a shard does not answer */
  async findIn<T, R>(parts: readonly T[], find: (part: T) => Promise<readonly R[]>): Promise<R[]> {
    const looks = this.indexes.map(async (shard) => {
      if (!this.isUp(shard)) throw new ShardAway(shard);
      return find(parts[shard] as T);
    });
    const outcomes = await Promise.allSettled(looks);
    const found = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    // it was waited for once: another look would take as long
    if (found.length === 0 && failed !== undefined) throw failed.reason;
    return found;
  }

  /** @returns one of several, by chance, that is up if any is */
  #anyOf(shards: readonly number[]): number {
    const up = shards.filter((shard) => this.isUp(shard));
    const choice = up.length > 0 ? up : shards;
    return choice[Math.floor(Math.random() * choice.length)] as number;
  }

  /** @returns the shard that a job's id names; null: none that there is */
  #named(ref: JobRef): number | null {
    const named = shardNamedBy(idOf(ref));
    return named !== null && named < this.count ? named : null;
  }

  /** @returns where something with a name goes, and then where it may be if it is older */
  #placesOf(name: string): number[] {
    return [...new Set(this.#counts.map((count) => rendezvous(name, count)))];
  }

  /** Whoever has it need not wait for a shard that is lost. */
  async #lookFor(key: string, place: number, elsewhere: readonly number[]): Promise<number> {
    const looks = [...elsewhere, place].map(async (shard) => {
      const redis = this.#options.connections[shard] as ShardConnection;
      if (redis.status !== 'ready') throw new ShardAway(shard);
      return (await redis.exists(key)) === 1 ? shard : Promise.reject(NOT_THERE);
    });
    try {
      return await Promise.any(looks);
    } catch (error) {
      const { errors } = error as AggregateError;
      const failure: unknown = errors.find((reason) => reason !== NOT_THERE);
      // it may be in the shard that did not answer
      if (failure !== undefined) throw failure;
      return place;
    }
  }
}

const NOT_THERE = new Error('not there');
