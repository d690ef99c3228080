import { compareEventIds, type EventId, isTerminal, LOG_START } from '@millrace/contracts';
import { ContentUnreadable } from '../errors.ts';
import { batchAfter, batchOf, type EventBatch } from '../log/event-batch.ts';
import { UNREADABLE } from '../log/job-view.ts';
import type { Topic, TopicSubscriber } from './topic.ts';

/** Where the events of a followed job go. */
export interface EventSink {
  /** Takes events in order, without gap or repeat.
   *  @returns false when the reader is full: nothing more comes until `resume()` */
  batch(batch: EventBatch): boolean;
  /** Called once, last: the terminal event was given, the node closes, or `batch` threw. */
  end(reason: 'terminal' | 'closed' | 'failed'): void;
}

/** A reader's hold on the job that it follows. */
export interface Subscription {
  /** the last event given */
  readonly position: EventId;
  /** the cursor was the terminal event: nothing will come, and `end` is not called */
  readonly alreadyEnded: boolean;
  /** the reader has room again */
  resume(): void;
  /** stops at once; `end` is not called */
  close(): void;
}

/** reading: from the log, at the reader's pace · live: from the channel · full: until resume() · stalled: Redis did not
 *  answer · ended */
type State = 'reading' | 'live' | 'full' | 'stalled' | 'ended';

/** One reader of one job. It reads the log until it is level with it, then takes what the channel brings. A reader
 *  that is full goes back to the log, so nothing is kept for it and nothing grows (law 10). */
export class Subscriber implements Subscription, TopicSubscriber {
  readonly alreadyEnded = false;
  position: EventId;
  readonly #topic: Topic;
  readonly #sink: EventSink;
  readonly #onLeave: () => void;
  #state: State = 'full';

  constructor(topic: Topic, position: EventId, sink: EventSink, onLeave: () => void) {
    this.#topic = topic;
    this.position = position;
    this.#sink = sink;
    this.#onLeave = onLeave;
    topic.subscribers.add(this);
  }

  get stalled(): boolean {
    return this.#state === 'stalled';
  }

  get live(): boolean {
    return this.#state === 'live';
  }

  /** Starts with all that the job has said, up to the topic's tip, instead of reading it from the log. */
  startWith(batches: readonly EventBatch[]): void {
    this.#state = 'live';
    for (const batch of batches) if (!this.receive(batch)) return;
  }

  resume(): void {
    if (this.#state === 'full' || this.#state === 'stalled') void this.#read();
  }

  close(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#topic.subscribers.delete(this);
    this.#onLeave();
  }

  /** Ends the reader from the follower's side. */
  end(): void {
    if (this.#state === 'ended') return;
    this.close();
    this.#sink.end('closed');
  }

  /** @returns false when it took no more than this batch, or none: it is full or ended */
  receive(batch: EventBatch): boolean {
    if (this.#state !== 'live' && this.#state !== 'reading') return false;
    if (batch.prev === this.position) return this.#give(batch);
    if (compareEventIds(batch.last, this.position) <= 0) return true;
    if (compareEventIds(batch.prev, this.position) < 0) return this.#give(batchAfter(batch, this.position));
    this.#readAgain();
    return false;
  }

  /** Tells the reader that the log it was reading is gone, then starts with what there is. */
  rewind(): void {
    if (this.#state === 'ended') return;
    this.position = LOG_START;
    // a full reader takes this one frame more, and goes on from the start when it has room
    this.#offer(logLost());
    if (this.#state === 'live') this.#readAgain();
  }

  /** Tells the reader that the job is gone, or cannot be read any more, which is the end. */
  lose(why?: 'unreadable'): void {
    if (this.#state === 'ended') return;
    this.#state = 'live';
    this.#give(why === undefined ? jobLost(this.position) : jobUnreadable(this.position));
  }

  #give(batch: EventBatch): boolean {
    this.position = batch.last;
    const takesMore = this.#offer(batch);
    const last = batch.events.at(-1);
    if (this.#state === 'ended') return false;
    if (last !== undefined && isTerminal(last.type)) {
      this.close();
      this.#sink.end('terminal');
    } else if (!takesMore) {
      this.#state = 'full';
    }
    return this.#active();
  }

  /** A sink that throws ends its own subscriber: the others, and the topic, must not suffer for it. */
  #offer(batch: EventBatch): boolean {
    try {
      return this.#sink.batch(batch);
    } catch {
      // the sink is told, and knows what it threw
      this.close();
      this.#sink.end('failed');
      return false;
    }
  }

  #readAgain(): void {
    if (this.#state === 'live') void this.#read();
  }

  async #read(): Promise<void> {
    this.#state = 'reading';
    this.#topic.beginReading();
    try {
      for (let pages = 0; this.#reading(); pages += 1) {
        const from = this.position;
        const page = await this.#topic.page(from);
        const { batch, full } = page;
        // a reader of one page takes the next one, too: Redis reads it while this one is encoded and written
        if (batch !== null && full && pages > 0) await this.#topic.prefetch(batch.last);
        if (!this.#reading() || this.position !== from) continue;
        if (batch !== null && !this.#give(batch)) return;
        if (!full && this.#topic.join(this, page)) this.#state = 'live';
      }
    } catch (error) {
      if (error instanceof ContentUnreadable && error.reason !== 'unavailable') this.lose('unreadable');
      // otherwise Redis is away, which its connection has logged: the gap detector resumes
      else if (this.#reading()) this.#state = 'stalled';
    } finally {
      this.#topic.endReading();
    }
  }

  // methods, so that TypeScript does not narrow: the state changes while a page is awaited or a batch given
  #reading(): boolean {
    return this.#state === 'reading';
  }

  #active(): boolean {
    return this.#state === 'live' || this.#state === 'reading';
  }
}

/** A made-up event, at the place before every log: resuming from it starts at the beginning. */
export function logLost(): EventBatch {
  const data = JSON.stringify({ attempt: 0, reason: 'log-lost' });
  return batchOf(LOG_START, [{ id: LOG_START, type: 'reset', data }], false);
}

function jobLost(position: EventId): EventBatch {
  const error = { code: 'INTERNAL', message: 'the job was lost from the store', retryable: true };
  const events = [...logLost().events, { id: LOG_START, type: 'error' as const, data: JSON.stringify(error) }];
  return batchOf(position, events, false);
}

/** What comes after `position` was altered in Redis. */
function jobUnreadable(position: EventId): EventBatch {
  return batchOf(position, [{ id: LOG_START, type: 'error', data: JSON.stringify(UNREADABLE) }], false);
}
