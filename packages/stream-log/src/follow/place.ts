import { type EventId, type JobRef, LOG_START } from '@millrace/contracts';
import { batchOf, type EventBatch } from '../log/event-batch.ts';
import { acceptedEvent } from '../log/job-opener.ts';
import { type EventSink, logLost, Subscriber, type Subscription } from './subscriber.ts';
import { MAX_RECENT, type Topic, type TopicSubscriber } from './topic.ts';

/** A place among the subscribers of a job that is about to be stored. Once `confirmed`, its caller stores the job and
 *  then follows it. The log was empty when the channel was confirmed, so the channel brings all of it and there is
 *  nothing to read (law 5), which spares a new job's reader two round trips.
 *  @see Subscribers.expect */
export class Place implements TopicSubscriber, Disposable {
  /** Resolves when the channel is confirmed: the job may now be stored.
   *  Rejects with SubscriptionUnconfirmed, or as Redis does. */
  readonly confirmed: Promise<void>;
  readonly stalled = false;
  readonly #topic: Topic;
  readonly #onLeave: () => void;
  readonly #threadId: string | undefined;
  /** all that the job has said; null when some of it is to be read from the log */
  #batches: EventBatch[] | null = null;
  #taken = false;

  constructor(topic: Topic, confirmed: Promise<void>, onLeave: () => void, threadId?: string) {
    this.#threadId = threadId;
    this.#topic = topic;
    this.#onLeave = onLeave;
    this.confirmed = confirmed.then(() => this.#open());
  }

  get ref(): JobRef {
    return this.#topic.ref;
  }

  get position(): EventId {
    return this.#batches?.at(-1)?.last ?? LOG_START;
  }

  get live(): boolean {
    return this.#batches !== null;
  }

  /** Follows the job from its first event. Its caller has stored it, so that event does not wait for the channel: it
   *  goes out with the head of the answer, in one write.
   *  @param fresh see FollowOptions */
  follow(sink: EventSink, { fresh = false }: { readonly fresh?: boolean } = {}): Subscription {
    if (this.#taken) throw new Error('a place is taken once');
    this.#taken = true;
    if (this.live) this.#topic.receive(batchOf(LOG_START, [acceptedEvent(this.ref, this.#threadId)], false));
    const batches = this.#batches;
    this.#giveUp();
    const subscriber = new Subscriber(this.#topic, LOG_START, sink, this.#onLeave);
    if (fresh) sink.batch(logLost());
    if (batches === null) subscriber.resume();
    else subscriber.startWith(batches);
    return subscriber;
  }

  receive(batch: EventBatch): boolean {
    this.#batches?.push(batch);
    // a reader that is this far behind finds it all in the log
    if (this.#batches !== null && this.#batches.length > MAX_RECENT) this.#giveUp();
    return this.live;
  }

  resume(): void {
    // it never stalls: it reads nothing
  }

  rewind(): void {
    this.#giveUp();
  }

  lose(): void {
    this.#giveUp();
  }

  end(): void {
    this.#giveUp();
  }

  /** Leaves the place, unless it was taken. */
  [Symbol.dispose](): void {
    if (this.#taken) return;
    this.#taken = true;
    this.#giveUp();
    this.#onLeave();
  }

  #open(): void {
    // somebody follows the job already: it may have been stored
    if (this.#taken || this.#topic.tip !== null) return;
    this.#topic.tip = LOG_START;
    this.#topic.levelAt = performance.now();
    this.#topic.subscribers.add(this);
    this.#batches = [];
  }

  #giveUp(): void {
    this.#batches = null;
    this.#topic.subscribers.delete(this);
  }
}
