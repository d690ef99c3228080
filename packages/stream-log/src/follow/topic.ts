import { compareEventIds, type EventId, eventPosition, type JobRef, LOG_START } from '@millrace/contracts';
import type { ChannelListener } from '../channel/channel-hub.ts';
import { batchAfter, batchOf, type EventBatch, joined, parsePayload } from '../log/event-batch.ts';
import type { JobReader } from '../log/job-reader.ts';

/** Batches kept for watchers that are reading the log; beyond it they read on in the log. */
const MAX_RECENT = 128;

/** What the log holds after an event. */
export interface TopicPage {
  /** null: nothing */
  readonly batch: EventBatch | null;
  /** there may be more */
  readonly full: boolean;
}

const NOTHING: TopicPage = { batch: null, full: false };

/** A reader as its topic sees it. */
export interface TopicWatcher {
  /** the last event that it was given */
  readonly position: EventId;
  /** a read of the log failed: somebody must call `resume()` */
  readonly stalled: boolean;
  /** level with the log: it lives on what the channel brings */
  readonly live: boolean;
  /** @returns false when it can take no more */
  receive(batch: EventBatch): boolean;
  resume(): void;
  /** the log is another one now: start afresh */
  rewind(): void;
  /** the job is gone */
  lose(): void;
  /** the node closes */
  end(): void;
}

/** One followed job in a process: takes what the channel brings, mends what it dropped, hands it to the live watchers.
 *
 *  Invariant: a live watcher's position is at `tip` or after it. So a gap is seen here once, not by each watcher, and
 *  one read of the log mends it for all of them (law 6). */
export class Topic implements ChannelListener {
  /** the last event that live watchers have been given; null until one of them, or the channel, has said */
  tip: EventId | null = null;
  /** when the channel, or the watchdog, was last known to be level with the log, ms of performance.now() */
  levelAt = performance.now();
  readonly watchers = new Set<TopicWatcher>();
  /** nothing was stored when the channel was confirmed, and all that it brought since is kept: there is no log to read */
  keepsAll = false;
  /** what the channel has brought in this turn of the loop; null: nothing */
  #arrived: EventBatch[] | null = null;
  #recent: EventBatch[] = [];
  #readers = 0;
  /** being read for watchers, by the event that they come after; null while nothing is: most topics are idle */
  #pages: Map<EventId, Promise<TopicPage>> | null = null;
  #repairing: Promise<void> | null = null;
  #repairAgain = false;
  /** who ran the attempt of `tip`, as the channel said; null: not known */
  #runner: string | null = null;
  /** counts rewinds: a read begun before one is of another history */
  #history = 0;

  constructor(
    readonly ref: JobRef,
    readonly reader: JobReader,
  ) {}

  /** Messages of one turn of the loop go on together: a process that cannot keep up writes more with each write, and
   *  so it does. */
  message(payload: string): void {
    const batch = parsePayload(payload);
    if (this.#arrived === null) {
      this.#arrived = [batch];
      process.nextTick(endTurn, this);
    } else {
      this.#arrived.push(batch);
    }
  }

  /** The turn of the loop is over that messages came in. */
  takeArrived(): void {
    const arrived = this.#arrived ?? [];
    this.#arrived = null;
    for (const batch of joined(arrived)) this.receive(batch);
  }

  resubscribed(): void {
    this.keepsAll = false;
    void this.repair();
  }

  /** Takes a batch from the channel. Its order and completeness are not relied upon. */
  receive(batch: EventBatch): void {
    if (this.#isOfAnotherHistory(batch)) this.rewind();
    else if (this.tip === null || batch.prev === this.tip) this.#accept(batch);
    else if (compareEventIds(batch.last, this.tip) <= 0) return;
    else if (compareEventIds(batch.prev, this.tip) < 0) this.#accept(batchAfter(batch, this.tip));
    else void this.repair();
  }

  /** Reads what live watchers miss from the log. Safe to call at any time, any number of times. */
  repair(): Promise<void> {
    if (this.#repairing !== null) this.#repairAgain = true;
    this.#repairing ??= this.#readToTop().finally(() => {
      this.#repairing = null;
    });
    return this.#repairing;
  }

  /** A watcher reads the log from now on: what the channel brings meanwhile is kept for it (law 5). */
  beginReading(): void {
    this.#readers += 1;
  }

  endReading(): void {
    this.#readers -= 1;
    if (this.#readers > 0) return;
    this.#recent = [];
    // what is published from now on is not kept: newcomers shall not be given a page that was asked for before
    this.#pages = null;
    this.keepsAll = false;
  }

  /** Reads the log for a watcher that has begun to read. Those who want the same page meanwhile share it, and its bytes.
   *  They miss nothing: whoever asked first is reading still, so that what has come since it asked is kept (law 5). */
  page(after: EventId): Promise<TopicPage> {
    if (this.keepsAll && after === LOG_START) {
      // once: where what was kept does not join on after all, the log is read
      this.keepsAll = false;
      return Promise.resolve(NOTHING);
    }
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

  /** Asks for a page that will be wanted in a moment; if not, it is let go when it comes.
   *  @returns when the request is on its way: connections send at the end of a turn, which would be after its user's work */
  ask(after: EventId): Promise<void> {
    this.page(after).catch(() => {
      // who wants the page hears of it
    });
    return new Promise((resolve) => setImmediate(resolve));
  }

  async #readAfter(after: EventId): Promise<TopicPage> {
    const { events, full } = await this.reader.page(this.ref, after);
    return { batch: events.length === 0 ? null : batchOf(after, events, full), full };
  }

  /** Tries to make a watcher live that has read the log up to its position: gives it what came meanwhile.
   *  @returns false when the kept batches do not join on to its position, or it is full: it reads on */
  join(watcher: TopicWatcher): boolean {
    for (const batch of this.#recent) {
      if (compareEventIds(batch.prev, watcher.position) > 0) return false;
      if (!watcher.receive(batch)) return false;
    }
    if (this.tip !== null && compareEventIds(watcher.position, this.tip) < 0) {
      // the log was read after the tip had come, and ends before it: Redis lost something
      this.rewind();
      return false;
    }
    this.tip ??= watcher.position;
    return true;
  }

  get hasLive(): boolean {
    for (const { live } of this.watchers) if (live) return true;
    return false;
  }

  /** The log is not what it was (Redis lost a part of it): everyone starts afresh. */
  rewind(): void {
    this.tip = null;
    this.#runner = null;
    this.#history += 1;
    this.#recent = [];
    this.keepsAll = false;
    // newcomers shall not be given the log that was lost
    this.#pages = null;
    this.levelAt = performance.now();
    for (const watcher of this.watchers) watcher.rewind();
  }

  /** An attempt's number can come twice: when Redis lost the begin of the first (a fail-over) and with it its events. */
  #isOfAnotherHistory({ last, runner }: EventBatch): boolean {
    if (runner === null || this.#runner === null || this.tip === null) return false;
    return runner !== this.#runner && eventPosition(last).attempt === eventPosition(this.tip).attempt;
  }

  #accept(batch: EventBatch): void {
    const sameAttempt = this.tip !== null && eventPosition(this.tip).attempt === eventPosition(batch.last).attempt;
    if (batch.runner !== null || !sameAttempt) this.#runner = batch.runner;
    this.tip = batch.last;
    this.levelAt = performance.now();
    if (this.#readers > 0) this.#keep(batch);
    for (const watcher of this.watchers) if (watcher.live) watcher.receive(batch);
  }

  #keep(batch: EventBatch): void {
    // readers that are this far behind find it all in the log
    if (this.#recent.length >= MAX_RECENT) {
      this.#recent = [];
      this.keepsAll = false;
    }
    this.#recent.push(batch);
  }

  async #readToTop(): Promise<void> {
    try {
      do {
        this.#repairAgain = false;
        while (await this.#readPage());
      } while (this.#repairAgain);
    } catch {
      // Redis is away, which its connection has logged: the watchdog looks again
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
}

/** One function for all topics: a closure for each message would cost as much as reading it. */
function endTurn(topic: Topic): void {
  topic.takeArrived();
}
