import { type Activity, bucketOf, DIMENSIONS, type Dimension, NO_SHARE, type Share } from './process-report.ts';

const SLOT_MS = 5_000;
/** Slots that make a minute. */
const SLOTS = 12;
/** The latest slots, for rates. */
const RATE_SLOTS = 2;
/** Names that one slot tells apart in each dimension: callers may choose names of models. */
const MAX_NAMES = 100;
const OTHER = 'other';

/** Whose it is. What is not known is left out. */
export type Owner = Readonly<Partial<Record<Dimension, string>>>;

/** What is there now, to be told with the activity. */
export type Present = Readonly<Pick<Share, 'running' | 'streams'>>;

interface Counts {
  tokens: number;
  takeOvers: number;
  refused429: number;
  refused503: number;
  readonly firstTokens: Record<string, number>;
}

interface Slot {
  readonly since: number;
  readonly total: Counts;
  readonly by: Readonly<Record<Dimension, Map<string, Counts>>>;
}

/** Counts what happens in a process, and forgets it after a minute. Counting costs a few additions, and is done for each
 *  attempt or refusal, never for each token. */
export class RecentActivity {
  #slots: Slot[] = [];
  readonly #now: () => number;

  /** @param now a monotonic clock, milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** @param ms from the acceptance of the job */
  firstToken(owner: Owner, ms: number): void {
    const bucket = bucketOf(ms);
    this.#count(owner, ({ firstTokens }) => {
      firstTokens[bucket] = (firstTokens[bucket] ?? 0) + 1;
    });
  }

  /** Models have said more. */
  tokens(owner: Owner, count: number): void {
    if (count <= 0) return;
    this.#count(owner, (counts) => {
      counts.tokens += count;
    });
  }

  takeOver(owner: Owner): void {
    this.#count(owner, (counts) => {
      counts.takeOvers += 1;
    });
  }

  /** A request was refused for want of room. */
  refused(owner: Owner, status: 429 | 503): void {
    this.#count(owner, (counts) => {
      counts[status === 429 ? 'refused429' : 'refused503'] += 1;
    });
  }

  /** @param present by dimension and name; a name that only this has is told, too
   *  @returns the last minute */
  summary(present: {
    readonly total: Present;
    readonly by: Readonly<Partial<Record<Dimension, ReadonlyMap<string, Present>>>>;
  }): { total: Share; by: Record<Dimension, Record<string, Share>> } {
    this.#forget();
    const by = Object.fromEntries(
      DIMENSIONS.map((dimension) => [dimension, this.#sharesOf(dimension, present.by[dimension] ?? new Map())]),
    ) as Record<Dimension, Record<string, Share>>;
    return { total: this.#shareOf(({ total }) => total, present.total), by };
  }

  #sharesOf(dimension: Dimension, present: ReadonlyMap<string, Present>): Record<string, Share> {
    const counted = this.#slots.flatMap(({ by }) => [...by[dimension].keys()]);
    const names = [...new Set([...[...present.keys()].slice(0, MAX_NAMES), ...counted])].slice(0, 2 * MAX_NAMES);
    return Object.fromEntries(
      names.map((name) => [name, this.#shareOf(({ by }) => by[dimension].get(name), present.get(name) ?? NO_SHARE)]),
    );
  }

  #shareOf(countsOf: (slot: Slot) => Counts | undefined, { running, streams }: Present): Share {
    let activity: Activity = NO_SHARE;
    let tokens = 0;
    const latest = this.#now() - RATE_SLOTS * SLOT_MS;
    for (const slot of this.#slots) {
      const counts = countsOf(slot);
      if (counts === undefined) continue;
      if (slot.since > latest) tokens += counts.tokens;
      const firstTokens: Record<string, number> = { ...activity.firstTokens };
      for (const [bucket, count] of Object.entries(counts.firstTokens)) {
        firstTokens[bucket] = (firstTokens[bucket] ?? 0) + count;
      }
      activity = {
        tokensPerSecond: 0,
        firstTokens,
        takeOvers: activity.takeOvers + counts.takeOvers,
        refused429: activity.refused429 + counts.refused429,
        refused503: activity.refused503 + counts.refused503,
      };
    }
    const tokensPerSecond = Number((tokens / this.#rateSeconds(latest)).toFixed(1));
    return { ...activity, tokensPerSecond, running, streams };
  }

  /** How long the slots have lasted that a rate is made from, seconds. */
  #rateSeconds(latest: number): number {
    const first = this.#slots.find(({ since }) => since > latest);
    return Math.max(1_000, this.#now() - (first?.since ?? 0)) / 1_000;
  }

  #count(owner: Owner, change: (counts: Counts) => void): void {
    const slot = this.#slot();
    change(slot.total);
    for (const dimension of DIMENSIONS) {
      const name = owner[dimension];
      if (name !== undefined) change(boundedCounts(slot.by[dimension], name));
    }
  }

  #slot(): Slot {
    const last = this.#slots.at(-1);
    if (last !== undefined && this.#now() - last.since < SLOT_MS) return last;
    this.#forget();
    const slot = {
      since: this.#now(),
      total: nothing(),
      by: { tenant: new Map(), model: new Map(), pipeline: new Map() },
    };
    this.#slots.push(slot);
    return slot;
  }

  #forget(): void {
    const oldest = this.#now() - SLOTS * SLOT_MS;
    if (this.#slots.some(({ since }) => since < oldest))
      this.#slots = this.#slots.filter(({ since }) => since >= oldest);
  }
}

function boundedCounts(counts: Map<string, Counts>, name: string): Counts {
  const known = counts.get(name);
  if (known !== undefined) return known;
  const bounded = counts.size < MAX_NAMES ? name : OTHER;
  const added = counts.get(bounded) ?? nothing();
  counts.set(bounded, added);
  return added;
}

function nothing(): Counts {
  return { tokens: 0, takeOvers: 0, refused429: 0, refused503: 0, firstTokens: {} };
}
