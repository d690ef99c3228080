import {
  compareEventIds,
  type EventId,
  eventPosition,
  type JobRef,
  LOG_START,
  type StoredEvent,
} from '@millrace/contracts';
import type { ChannelListener } from '../channel/channel-hub.ts';
import type { PlaceCipher } from '../encryption/content-cipher.ts';
import { isSealed } from '../encryption/place-key.ts';
import { ContentUnreadable } from '../errors.ts';
import { batchAfter, batchOf, type EventBatch, joinBatches, parsePayload } from '../log/event-batch.ts';
import { aboutEvent } from '../log/job-contents.ts';
import type { JobReader, LogPage } from '../log/job-reader.ts';

/** Batches kept for subscribers that are reading the log, or for a place. Beyond it they read on in the log. */
export const MAX_RECENT = 128;

/** What the log holds after an event. */
interface TopicPage {
  /** null: nothing */
  readonly batch: EventBatch | null;
  /** there may be more */
  readonly full: boolean;
  /** the topic's tip when the page was requested, and which history it belongs to */
  readonly tip: EventId | null;
  readonly history: number;
}

/** A subscriber as its topic sees it. */
export interface TopicSubscriber {
  /** the last event that it was given */
  readonly position: EventId;
  /** a read of the log failed: somebody must call `resume()` */
  readonly stalled: boolean;
  /** level with the log: what the channel brings is all that it needs */
  readonly live: boolean;
  /** @returns false when it can take no more */
  receive(batch: EventBatch): boolean;
  resume(): void;
  /** the log has lost events: start afresh */
  rewind(): void;
  /** the job is gone, or cannot be read any more */
  lose(why?: 'unreadable'): void;
  /** the node closes */
  end(): void;
}

/** Puts an ended job back that has left Redis for the archive.
 *  @returns whether it is in Redis now
 *  @throws Error the archive does not answer, or has no room for it in Redis */
export type RestoreJob = (ref: JobRef) => Promise<boolean>;

/** One followed job in a process: takes what the channel brings, repairs gaps from the log, and gives it to the live
 *  subscribers.
 *
 *  Invariant: a live subscriber's position is at `tip` or after it. So a gap is found here once, not by each
 *  subscriber, and one read of the log repairs it for all of them (law 6). */
export class Topic implements ChannelListener {
  /** the last event that live subscribers have been given; null while that is not known */
  tip: EventId | null = null;
  /** when the topic was last known to be level with the log, ms of performance.now() */
  levelAt = performance.now();
  readonly subscribers = new Set<TopicSubscriber>();
  /** what the channel has brought in this tick; null: nothing */
  #arrived: EventBatch[] | null = null;
  #recent: EventBatch[] = [];
  #readers = 0;
  /** pages being read for subscribers, by the event before them; null while there are none: most topics are idle */
  #pages: Map<EventId, Promise<TopicPage>> | null = null;
  #repairing: Promise<void> | null = null;
  #repairAgain = false;
  #finding: Promise<boolean> | null = null;
  /** of the attempt that wrote `tip`, as the channel gave it; null: not known */
  #leaseToken: string | null = null;
  /** counts rewinds: a read that began before one is of another history */
  #history = 0;
  /** opens what is sealed; null until something is */
  #contents: PlaceCipher | null = null;

  /** @param onGiven told when live subscribers have been given what the channel brought: when its first event was stored
   *  @param restore null: there is no archive */
  constructor(
    readonly ref: JobRef,
    readonly reader: JobReader,
    readonly onGiven?: (storedAt: number) => void,
    readonly restore: RestoreJob | null = null,
  ) {}

  /** Collects the messages of one tick: a process that cannot keep up then makes fewer, larger writes. */
  message(payload: string): void {
    const batch = this.#opened(parsePayload(payload));
    if (batch === null) {
      // the log tells whether it cannot be read either
      void this.repair();
      return;
    }
    if (this.#arrived === null) {
      this.#arrived = [batch];
      process.nextTick(receiveArrived, this);
    } else {
      this.#arrived.push(batch);
    }
  }

  /** Takes the messages of the tick that has ended. */
  receiveArrived(): void {
    const arrived = this.#arrived ?? [];
    this.#arrived = null;
    for (const batch of joinBatches(arrived)) this.receive(batch);
  }

  resubscribed(): void {
    void this.repair();
  }

  /** Takes a batch from the channel, which may have lost, repeated or reordered some. */
  receive(batch: EventBatch): void {
    if (this.#isOfAnotherHistory(batch)) this.rewind();
    else if (this.tip === null || batch.prev === this.tip) this.#accept(batch);
    else if (compareEventIds(batch.last, this.tip) <= 0) return;
    else if (compareEventIds(batch.prev, this.tip) < 0) this.#accept(batchAfter(batch, this.tip));
    else void this.repair();
  }

  /** Reads what live subscribers miss from the log. Safe to call at any time, any number of times. */
  repair(): Promise<void> {
    if (this.#repairing !== null) this.#repairAgain = true;
    this.#repairing ??= this.#readToTop().finally(() => {
      this.#repairing = null;
    });
    return this.#repairing;
  }

  /** Looks for a job whose record seems to be gone. One that an archive has is put back: it has left Redis before its
   *  subscribers had read it, and they go on. Otherwise they are told. Does not fail.
   *  @returns whether the job is there */
  find(): Promise<boolean> {
    this.#finding ??= this.#find().finally(() => {
      this.#finding = null;
    });
    return this.#finding;
  }

  /** A subscriber reads the log from now on: what the channel brings meanwhile is kept for it (law 5). */
  beginReading(): void {
    this.#readers += 1;
  }

  endReading(): void {
    this.#readers -= 1;
    if (this.#readers > 0) return;
    this.#recent = [];
    // nothing is kept from now on, so a newcomer must not get a page that was requested before
    this.#pages = null;
  }

  /** Reads the log for a subscriber that has begun to read. Subscribers that want the same page share it, and its
   *  bytes. They miss nothing: the first of them is still reading, so what has come since its request is kept (law
   *  5). */
  page(after: EventId): Promise<TopicPage> {
    const known = this.#pages?.get(after);
    if (known !== undefined) return known;
    const page = this.#readAfter(after).finally(() => {
      if (this.#pages?.get(after) === page) this.#pages.delete(after);
      if (this.#pages?.size === 0) this.#pages = null;
    });
    this.#pages ??= new Map();
    this.#pages.set(after, page);
    return page;
  }

  /** Requests a page that will be wanted in a moment; if it is not, its reply is discarded.
   *  @returns when the request is sent: a connection sends at the end of a tick, which would be after its user's work */
  prefetch(after: EventId): Promise<void> {
    this.page(after).catch(() => {
      // the reader that uses the page gets the error
    });
    return new Promise((resolve) => setImmediate(resolve));
  }

  /** Tries to make a subscriber live that has read the log up to its position: gives it what came meanwhile.
   *  @param page the last that it read
   *  @returns false when the kept batches do not follow on its position, or it is full: it reads on */
  join(subscriber: TopicSubscriber, page: Pick<TopicPage, 'tip' | 'history'>): boolean {
    if (page.history === this.#history && page.tip !== null && compareEventIds(subscriber.position, page.tip) < 0) {
      // the log ends before what the channel had brought: Redis lost something, or the job was erased
      this.rewind();
      return false;
    }
    for (const batch of this.#recent) {
      if (compareEventIds(batch.prev, subscriber.position) > 0) return false;
      if (!subscriber.receive(batch)) return false;
    }
    if (this.tip !== null && compareEventIds(subscriber.position, this.tip) < 0) return false;
    this.tip ??= subscriber.position;
    return true;
  }

  get hasLive(): boolean {
    for (const { live } of this.subscribers) if (live) return true;
    return false;
  }

  /** The log is not what it was (Redis lost a part of it): every subscriber starts afresh. */
  rewind(): void {
    this.tip = null;
    this.#leaseToken = null;
    this.#history += 1;
    this.#recent = [];
    // a newcomer must not get the log that was lost
    this.#pages = null;
    this.levelAt = performance.now();
    for (const subscriber of this.subscribers) subscriber.rewind();
  }

  /** An attempt number can come twice: when Redis lost the begin of the first in a fail-over, and with it its events. */
  #isOfAnotherHistory({ last, leaseToken }: EventBatch): boolean {
    if (leaseToken === null || this.#leaseToken === null || this.tip === null) return false;
    return leaseToken !== this.#leaseToken && eventPosition(last).attempt === eventPosition(this.tip).attempt;
  }

  /** Decrypts once for all subscribers.
   *  @returns null: not now */
  #opened(batch: EventBatch): EventBatch | null {
    if (!batch.events.some(isSealedEvent)) return batch;
    this.#contents ??= this.reader.contentsOf(this.ref);
    const events: StoredEvent[] = [];
    try {
      for (const { id, type, data } of batch.events) {
        const opened = this.#contents.openNow(data, aboutEvent(id, type));
        if (opened === null) return null;
        events.push({ id, type, data: opened });
      }
    } catch {
      return null;
    }
    return { ...batch, events };
  }

  #accept(batch: EventBatch): void {
    const sameAttempt = this.tip !== null && eventPosition(this.tip).attempt === eventPosition(batch.last).attempt;
    if (batch.leaseToken !== null || !sameAttempt) this.#leaseToken = batch.leaseToken;
    this.tip = batch.last;
    this.levelAt = performance.now();
    if (this.#readers > 0) this.#keep(batch);
    let isGiven = false;
    for (const subscriber of this.subscribers) {
      if (!subscriber.live) continue;
      subscriber.receive(batch);
      isGiven = true;
    }
    // once for all of them, when the last has it: each reader would pay for a clock
    if (isGiven && batch.storedAt !== null) this.onGiven?.(batch.storedAt);
  }

  async #find(): Promise<boolean> {
    // nothing was said yet: it has not ended, and a place is taken before its job is stored
    const mayBeArchived = this.restore !== null && this.tip !== LOG_START;
    try {
      if (mayBeArchived && ((await this.#isThere()) || (await this.restore(this.ref)))) return true;
      // the archive took its time: the id may be a new job's
      if (mayBeArchived && (await this.#isThere())) return true;
    } catch {
      // those who come back are told that the archive is away
      for (const subscriber of this.subscribers) subscriber.end();
      return false;
    }
    for (const subscriber of this.subscribers) subscriber.lose();
    return false;
  }

  async #isThere(): Promise<boolean> {
    return (await this.reader.head(this.ref)) !== null;
  }

  #keep(batch: EventBatch): void {
    // a reader that is this far behind finds it all in the log
    if (this.#recent.length >= MAX_RECENT) this.#recent = [];
    this.#recent.push(batch);
  }

  async #readToTop(): Promise<void> {
    try {
      do {
        this.#repairAgain = false;
        while (await this.#readPage());
      } while (this.#repairAgain);
    } catch (error) {
      if (error instanceof ContentUnreadable && error.reason !== 'unavailable') {
        for (const subscriber of this.subscribers) if (subscriber.live) subscriber.lose('unreadable');
      }
      // otherwise Redis is away, which its connection has logged: the gap detector looks again
      this.levelAt = Number.NEGATIVE_INFINITY;
    }
  }

  /** @returns whether there may be another page */
  async #readPage(): Promise<boolean> {
    const [from, history] = [this.tip, this.#history];
    if (from === null) return false;
    const { batch, full } = await this.#readAfter(from);
    if (batch !== null && history === this.#history) this.receive(batch);
    return full;
  }

  /** Whether a log that an archive may have ends before what the channel had brought. */
  #endsBefore({ events }: LogPage, { after, tip }: { readonly after: EventId; readonly tip: EventId | null }): boolean {
    return this.restore !== null && events.length === 0 && tip !== null && compareEventIds(after, tip) < 0;
  }

  async #readAfter(after: EventId): Promise<TopicPage> {
    const [tip, history] = [this.tip, this.#history];
    let page = await this.reader.page(this.ref, after);
    if (this.#endsBefore(page, { after, tip }) && (await this.find())) page = await this.reader.page(this.ref, after);
    const { events, full } = page;
    return { batch: events.length === 0 ? null : batchOf(after, events, full), full, tip, history };
  }
}

function isSealedEvent({ data }: StoredEvent): boolean {
  return isSealed(data);
}

/** One function for all topics: a closure for each message would cost as much as parsing it. */
function receiveArrived(topic: Topic): void {
  topic.receiveArrived();
}
