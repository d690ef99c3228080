import { compareEventIds, type EventId, type JobRef, LOG_START } from '@millrace/contracts';
import type { ChannelHub } from '../channel/channel-hub.ts';
import { JobNotFound, LogExpired } from '../errors.ts';
import { batchOf } from '../log/event-batch.ts';
import { acceptedEvent } from '../log/job-opener.ts';
import { JobReader } from '../log/job-reader.ts';
import type { KeySpace } from '../redis/keys.ts';
import type { RedisConnection } from '../redis/scripts.ts';
import { Watchdog } from './gap-detector.ts';
import { type Following, type FollowSink, logLost, Watcher } from './subscriber.ts';
import { Topic } from './topic.ts';

export interface FollowOptions {
  /** the reader has everything up to this event; LOG_START for all */
  readonly after: EventId;
  readonly sink: FollowSink;
  /** the reader has events of another history: it gets a `reset` before all others */
  readonly fresh?: boolean;
}

/** A place among the followers of a job that is about to be made. @see Followers.expect */
export interface Expectation extends Disposable {
  /** Resolves when the channel is confirmed: the job may now be stored.
   *  Rejects with SubscriptionUnconfirmed, or as Redis does. */
  readonly confirmed: Promise<void>;
  /** The job is stored, as its caller has seen to: what follows it need not wait for the channel to say so. Its first event
   *  then goes out with the head of an answer, one write for both. */
  stored(): void;
}

interface Entry {
  readonly topic: Topic;
  /** resolves when the channel is confirmed */
  readonly confirmed: Promise<void>;
  /** when the first of its present users came, ms of performance.now() */
  readonly since: number;
  users: number;
}

const NOTHING_TO_FOLLOW: Following = {
  position: LOG_START,
  alreadyEnded: true,
  resume: () => undefined,
  close: () => undefined,
};

/** Follows jobs: everything after an event, then whatever comes, on any node, until the terminal event.
 *
 *  The attach order is the law (5): await the confirmation of SUBSCRIBE, then read the log, keep what arrives live
 *  meanwhile, drop by id what the log already gave. One topic per followed job, any number of watchers per topic. */
export class Followers {
  readonly #reader: JobReader;
  readonly #entries = new Map<JobRef, Entry>();
  readonly #watchdog: Watchdog;

  /** @param hub of this process; sharded on a cluster
   *  @param redis for reads; commands on it should fail fast, the follower tries again by itself */
  constructor(
    redis: RedisConnection,
    readonly hub: ChannelHub,
    readonly keys: KeySpace,
  ) {
    this.#reader = new JobReader(redis, keys);
    this.#watchdog = new Watchdog(redis, keys, hub, () => this.#topics());
  }

  /** whether subscriptions are confirmed on the present connection */
  get ready(): boolean {
    return this.hub.ready;
  }

  /** how many watchers there are, and of how many jobs */
  get counts(): { watchers: number; topics: number } {
    let watchers = 0;
    for (const { topic } of this.#entries.values()) watchers += topic.watchers.size;
    return { watchers, topics: this.#entries.size };
  }

  /** @param ms a time, milliseconds
   *  @returns the jobs that have been followed here for that long without a break */
  followedFor(ms: number): JobRef[] {
    const latest = performance.now() - ms;
    return [...this.#entries].filter(([, { since }]) => since <= latest).map(([ref]) => ref);
  }

  /** Subscribes to a job that nobody has stored yet. Whoever stores it only once that is confirmed, and follows it before
   *  disposing of the expectation, has all of it from the channel: the log was empty, so that there is nothing to read
   *  (law 5), which spares a new job's reader two round trips.
   *  @param ref of which nobody else can know */
  expect(ref: JobRef): Expectation {
    const entry = this.#acquire(ref);
    entry.topic.beginReading();
    return {
      confirmed: entry.confirmed.then(() => {
        entry.topic.keepsAll = true;
      }),
      stored: () => entry.topic.receive(batchOf(LOG_START, [acceptedEvent(ref)], false)),
      [Symbol.dispose]: () => {
        entry.topic.endReading();
        this.#leave(ref, entry);
      },
    };
  }

  /** Starts to give a job's events to `sink`. The first may be given before this resolves.
   *  A cursor beyond the log's end, or of a log that was lost, gives a `reset` first and then all there is.
   *  @throws JobNotFound
   *  @throws LogExpired
   *  @throws SubscriptionUnconfirmed
   *  @throws Error Redis does not answer
   *  @see PROTOCOL.md §4 */
  async follow(ref: JobRef, options: FollowOptions): Promise<Following> {
    const entry = this.#acquire(ref);
    try {
      await entry.confirmed;
      const fromChannel = entry.topic.keepsAll && options.after === LOG_START;
      const { after, ended } = fromChannel
        ? { after: LOG_START, ended: false }
        : await this.#attachAt(ref, options.after);
      if (ended) {
        this.#leave(ref, entry);
        return NOTHING_TO_FOLLOW;
      }
      const watcher = new Watcher(entry.topic, after ?? LOG_START, options.sink, () => this.#leave(ref, entry));
      if (after === null || options.fresh) options.sink.batch(logLost());
      watcher.resume();
      return watcher;
    } catch (error) {
      this.#leave(ref, entry);
      throw error;
    }
  }

  /** Ends every follower (`end('closed')`) and the timers. The connections stay the caller's. */
  close(): void {
    this.#watchdog.close();
    for (const topic of this.#topics()) for (const watcher of topic.watchers) watcher.end();
  }

  /** @returns where to start: null for "from the beginning, and say that the log was lost" */
  async #attachAt(ref: JobRef, cursor: EventId): Promise<{ after: EventId | null; ended: boolean }> {
    const standing = await this.#reader.standing(ref);
    if (standing === null) throw new JobNotFound(ref);
    const { lastEventId, logExists, finished } = standing;
    if (!logExists && finished) throw new LogExpired(ref);
    const ahead = compareEventIds(cursor, lastEventId);
    // an append between the two reads of `standing` can make a good cursor look ahead, so the log has the last word
    if (ahead > 0 && (await this.#reader.page(ref, cursor, { events: 1 })).events.length === 0) {
      const again = await this.#reader.standing(ref);
      if (again === null) throw new JobNotFound(ref);
      if (compareEventIds(cursor, again.lastEventId) > 0) return { after: null, ended: false };
    }
    return { after: cursor, ended: finished && ahead === 0 };
  }

  #acquire(ref: JobRef): Entry {
    const held = this.#entries.get(ref);
    if (held) {
      held.users += 1;
      return held;
    }
    const topic = new Topic(ref, this.#reader);
    const confirmed = this.hub.subscribe(this.keys.channel(ref), topic);
    const entry = { topic, confirmed, since: performance.now(), users: 1 };
    this.#entries.set(ref, entry);
    // an entry that was never confirmed must not serve the next who comes
    confirmed.catch(() => this.#forget(ref, entry));
    return entry;
  }

  #leave(ref: JobRef, entry: Entry): void {
    entry.users -= 1;
    if (entry.users === 0 && this.#forget(ref, entry)) this.hub.unsubscribe(this.keys.channel(ref));
  }

  #forget(ref: JobRef, entry: Entry): boolean {
    return this.#entries.get(ref) === entry && this.#entries.delete(ref);
  }

  *#topics(): Iterable<Topic> {
    for (const entry of this.#entries.values()) yield entry.topic;
  }
}
