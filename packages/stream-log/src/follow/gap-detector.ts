import { compareEventIds, type EventId, eventId, type JobStatus } from '@millrace/contracts';
import type { ChannelHub } from '../channel/channel-hub.ts';
import { isFinished } from '../log/record.ts';
import type { KeySpace } from '../redis/keys.ts';
import type { RedisConnection } from '../redis/scripts.ts';
import type { Topic } from './topic.ts';

/** How often to check for silent topics, milliseconds. */
const TICK_MS = 500;

/** How long a topic may be silent before it is compared with its log, milliseconds. */
const SILENCE_MS = 2_000;

/** Topics compared at once: ten thousand silent streams must not block the event loop. */
const BATCH = 500;

/** Finds what no message can tell: that the last message was the one that got lost (law 6), that Redis lost a part of
 *  the log or let it expire, that a reader's Redis is back. One timer for the whole process. */
export class GapDetector {
  readonly #timer: NodeJS.Timeout;
  #checking = false;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: KeySpace,
    readonly hub: ChannelHub,
    readonly topics: () => Iterable<Topic>,
  ) {
    this.#timer = setInterval(() => void this.#check(), TICK_MS);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #check(): Promise<void> {
    if (this.#checking) return;
    this.#checking = true;
    try {
      const silentSince = performance.now() - SILENCE_MS;
      const silent: Topic[] = [];
      for (const topic of this.topics()) {
        for (const subscriber of topic.subscribers) if (subscriber.stalled) subscriber.resume();
        if (topic.hasLive && topic.levelAt < silentSince) silent.push(topic);
      }
      for (let start = 0; start < silent.length; start += BATCH) {
        await Promise.all(silent.slice(start, start + BATCH).map((topic) => this.#compare(topic)));
      }
    } catch {
      // Redis is away, which its connection has logged: the next tick checks again
    } finally {
      this.#checking = false;
    }
  }

  /** ioredis pipelines the commands of one tick: a batch is one round trip. */
  async #compare(topic: Topic): Promise<void> {
    const before = topic.tip;
    const [status, attempt, seq] = await this.redis.hmget(this.keys.record(topic.ref), 'status', 'attempt', 'seq');
    if (before === null) return;
    if (status === null) {
      // not awaited: an archive may take its time
      void topic.find();
      return;
    }
    const top: EventId = eventId(Number(attempt), Number(seq));
    const order = compareEventIds(top, before);
    // the record was read after `before` had been received: if it is behind that, Redis lost something
    if (order < 0) topic.rewind();
    else if (order === 0) topic.levelAt = performance.now();
    else if (topic.tip === before) await this.#repair(topic, isFinished(status as JobStatus));
  }

  async #repair(topic: Topic, finished: boolean): Promise<void> {
    const before = topic.tip;
    await topic.repair();
    if (finished && topic.tip === before && (await this.redis.exists(this.keys.log(topic.ref))) === 0) {
      // the log expired before they had read it: they would wait for ever, and on their return they are told
      for (const subscriber of topic.subscribers) subscriber.end();
      return;
    }
    topic.levelAt = performance.now();
    // what was missed had been published: the channel may have lost its subscription
    await this.hub.renew(this.keys.channel(topic.ref));
  }
}
