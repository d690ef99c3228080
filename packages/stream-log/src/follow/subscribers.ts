import { compareEventIds, type EventId, idOf, type JobRef, LOG_START, tenantOf } from '@millrace/contracts';
import type { ChannelHub } from '../channel/channel-hub.ts';
import { type ContentCipher, PLAIN } from '../encryption/content-cipher.ts';
import { JobNotFound, LogExpired } from '../errors.ts';
import { JobReader } from '../log/job-reader.ts';
import { isFinished, type JobOutline } from '../log/record.ts';
import type { KeySpace } from '../redis/keys.ts';
import type { RedisConnection } from '../redis/scripts.ts';
import { GapDetector } from './gap-detector.ts';
import { Place } from './place.ts';
import { type EventSink, logLost, Subscriber, type Subscription } from './subscriber.ts';
import { type RestoreJob, Topic } from './topic.ts';

/** A job as its outline was read when the reader came. It may have gone on since. */
export type FollowedJob = Pick<JobOutline, 'ref' | 'status' | 'lastEventId'>;

export interface FollowOptions {
  /** the reader has everything up to this event; LOG_START for all */
  readonly after: EventId;
  readonly sink: EventSink;
  /** the reader has events of another history: it gets a `reset` first */
  readonly fresh?: boolean;
}

export interface FollowingOptions {
  readonly cipher?: ContentCipher;
  /** finds jobs that have left Redis before their readers had read them; null: there is no archive */
  readonly restore?: RestoreJob | null;
}

interface Entry {
  readonly topic: Topic;
  /** resolves when the channel is confirmed */
  readonly confirmed: Promise<void>;
  /** when the first of its present users came, ms of performance.now() */
  readonly since: number;
  users: number;
}

interface Start {
  /** null: the log was lost, so the reader gets a `reset` and starts from the beginning */
  readonly after: EventId | null;
  /** the reader has the terminal event */
  readonly ended: boolean;
}

const NOTHING_TO_FOLLOW: Subscription = {
  position: LOG_START,
  alreadyEnded: true,
  resume: () => undefined,
  close: () => undefined,
};

/** The readers that follow jobs in this process: each gets everything after an event, then whatever comes, on any
 *  node, until the terminal event.
 *
 *  The attach order is law 5: await the confirmation of SUBSCRIBE, then read the log, keep what arrives live
 *  meanwhile, and drop by id what the log already gave. One topic per followed job, any number of subscribers per
 *  topic. */
export class Subscribers {
  /** told each time that readers which are level with the log have been given what the channel brought: when its first event
   *  was stored, ms since the epoch by Redis's clock. Never of what was read from the log */
  onGiven: ((storedAt: number) => void) | null = null;
  readonly #reader: JobReader;
  readonly #cipher: ContentCipher;
  readonly #restore: RestoreJob | null;
  readonly #entries = new Map<JobRef, Entry>();
  readonly #gapDetector: GapDetector;
  readonly #given = (storedAt: number): void => this.onGiven?.(storedAt);

  /** @param hub of this process; sharded on a cluster
   *  @param redis for reads; commands on it should fail fast: a subscriber retries by itself */
  constructor(
    redis: RedisConnection,
    readonly hub: ChannelHub,
    readonly keys: KeySpace,
    { cipher = PLAIN, restore = null }: FollowingOptions = {},
  ) {
    this.#cipher = cipher;
    this.#restore = restore;
    this.#reader = new JobReader(redis, keys, cipher);
    this.#gapDetector = new GapDetector(redis, keys, hub, () => this.#topics());
  }

  /** whether subscriptions are confirmed on the present connection */
  get ready(): boolean {
    return this.hub.ready;
  }

  /** how many subscribers there are, and of how many jobs */
  get counts(): { subscribers: number; topics: number } {
    let subscribers = 0;
    for (const { topic } of this.#entries.values()) subscribers += topic.subscribers.size;
    return { subscribers, topics: this.#entries.size };
  }

  /** @returns how many subscribers follow a job here */
  readersOf(ref: JobRef): number {
    return this.#entries.get(ref)?.topic.subscribers.size ?? 0;
  }

  /** @param ms a time, milliseconds
   *  @returns the jobs that have been followed here for that long without a break */
  followedFor(ms: number): JobRef[] {
    const latest = performance.now() - ms;
    return [...this.#entries].filter(([, { since }]) => since <= latest).map(([ref]) => ref);
  }

  /** Subscribes to a job that nobody has stored yet.
   *  @param ref that nobody else can know
   *  @param threadId the thread that the job will belong to */
  expect(ref: JobRef, threadId?: string): Place {
    const entry = this.#acquire(ref);
    return new Place(entry.topic, entry.confirmed, () => this.#leave(ref, entry), threadId);
  }

  /** Starts to give a job's events to `sink`. The first may be given before this resolves.
   *  A cursor beyond the log's end, or of a log that was lost, gives a `reset` first and then all there is.
   *  @throws JobNotFound the job is gone since it was read
   *  @throws LogExpired
   *  @throws SubscriptionUnconfirmed
   *  @throws ContentUnreadable the key of its words cannot be had now
   *  @throws Error Redis does not answer
   *  @see PROTOCOL.md §4 */
  async follow(job: FollowedJob, { after: cursor, sink, fresh = false }: FollowOptions): Promise<Subscription> {
    const { ref } = job;
    const entry = this.#acquire(ref);
    try {
      await entry.confirmed;
      // so that what the channel brings is opened at once
      await this.#cipher.warm(tenantOf(ref));
      const { after, ended } = await this.#startAt(job, cursor);
      if (ended) {
        this.#leave(ref, entry);
        return NOTHING_TO_FOLLOW;
      }
      const subscriber = new Subscriber(entry.topic, after ?? LOG_START, sink, () => this.#leave(ref, entry));
      if (after === null || fresh) sink.batch(logLost());
      subscriber.resume();
      return subscriber;
    } catch (error) {
      this.#leave(ref, entry);
      throw error;
    }
  }

  /** Ends every subscriber (`end('closed')`) and the timers. The connections stay the caller's. */
  close(): void {
    this.#gapDetector.close();
    for (const topic of this.#topics()) for (const subscriber of topic.subscribers) subscriber.end();
  }

  /** The outline decides unless the cursor is beyond it: what the job has said since is read from the log. */
  async #startAt({ ref, status, lastEventId }: FollowedJob, cursor: EventId): Promise<Start> {
    const order = compareEventIds(cursor, lastEventId);
    if (order > 0) return this.#startBeyond(ref, cursor);
    const finished = isFinished(status);
    if (finished && !(await this.#reader.logExists(ref))) throw new LogExpired(idOf(ref));
    return { after: cursor, ended: finished && order === 0 };
  }

  async #startBeyond(ref: JobRef, cursor: EventId): Promise<Start> {
    if ((await this.#reader.page(ref, cursor, { events: 1 })).events.length > 0) return { after: cursor, ended: false };
    const head = await this.#reader.head(ref);
    if (head === null) throw new JobNotFound(idOf(ref));
    const { finished, logExists, lastEventId } = head;
    if (finished && !logExists) throw new LogExpired(idOf(ref));
    const order = compareEventIds(cursor, lastEventId);
    return order > 0 ? { after: null, ended: false } : { after: cursor, ended: finished && order === 0 };
  }

  #acquire(ref: JobRef): Entry {
    const held = this.#entries.get(ref);
    if (held) {
      held.users += 1;
      return held;
    }
    const topic = new Topic(ref, this.#reader, this.#given, this.#restore);
    const confirmed = this.hub.subscribe(this.keys.channel(ref), topic);
    const entry = { topic, confirmed, since: performance.now(), users: 1 };
    this.#entries.set(ref, entry);
    // an entry that was never confirmed must not serve the next reader
    confirmed.catch(() => this.#delete(ref, entry));
    return entry;
  }

  #leave(ref: JobRef, entry: Entry): void {
    entry.users -= 1;
    if (entry.users === 0 && this.#delete(ref, entry)) this.hub.unsubscribe(this.keys.channel(ref));
  }

  #delete(ref: JobRef, entry: Entry): boolean {
    return this.#entries.get(ref) === entry && this.#entries.delete(ref);
  }

  *#topics(): Iterable<Topic> {
    for (const entry of this.#entries.values()) yield entry.topic;
  }
}
