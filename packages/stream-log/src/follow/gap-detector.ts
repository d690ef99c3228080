import { compareEventIds, type EventId, eventId, type JobStatus } from '@millrace/contracts';
import type { ChannelHub } from '../channel/channel-hub.ts';
import { isFinished } from '../log/record.ts';
import type { KeySpace } from '../redis/keys.ts';
import type { RedisConnection } from '../redis/scripts.ts';
import type { Topic } from './topic.ts';

/** How often it looks which topics are silent, milliseconds. */
const TICK_MS = 500;

/** A silent topic is compared with its log after this long, milliseconds. */
const SILENCE_MS = 2_000;

/** Topics compared at once: ten thousand silent streams must not hold the event loop. */
const BATCH = 500;

/** Finds what no message can tell: that the last message was the one that got lost (law 6), that Redis lost a part of
 *  the log or let it expire, that a reader's Redis is back. One timer for the whole process. */
export class Watchdog {
  readonly #timer: NodeJS.Timeout;
  #looking = false;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: KeySpace,
    readonly hub: ChannelHub,
    readonly topics: () => Iterable<Topic>,
  ) {
    this.#timer = setInterval(() => void this.#look(), TICK_MS);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const silentSince = performance.now() - SILENCE_MS;
      const silent: Topic[] = [];
      for (const topic of this.topics()) {
        for (const watcher of topic.watchers) if (watcher.stalled) watcher.resume();
        if (topic.hasLive && topic.levelAt < silentSince) silent.push(topic);
      }
      for (let start = 0; start < silent.length; start += BATCH) {
        await Promise.all(silent.slice(start, start + BATCH).map((topic) => this.#compare(topic)));
      }
    } catch {
      // Redis is away, which its connection has logged: the next tick looks again
    } finally {
      this.#looking = false;
    }
  }

  /** ioredis pipelines the commands of one tick: a batch is one round trip. */
  async #compare(topic: Topic): Promise<void> {
    const before = topic.tip;
    const [status, attempt, seq] = await this.redis.hmget(this.keys.record(topic.ref), 'status', 'attempt', 'seq');
    if (before === null) return;
    if (status === null) {
      for (const watcher of topic.watchers) watcher.lose();
      return;
    }
    const top: EventId = eventId(Number(attempt), Number(seq));
    const order = compareEventIds(top, before);
    // the record was read after `before` had been received: if it is behind that, Redis lost something
    if (order < 0) topic.rewind();
    else if (order === 0) topic.levelAt = performance.now();
    else if (topic.tip === before) await this.#mend(topic, isFinished(status as JobStatus));
  }

  async #mend(topic: Topic, finished: boolean): Promise<void> {
    const before = topic.tip;
    await topic.repair();
    if (finished && topic.tip === before && (await this.redis.exists(this.keys.log(topic.ref))) === 0) {
      // the log expired before they had read it: they would wait for ever, and whoever comes back is told
      for (const watcher of topic.watchers) watcher.end();
      return;
    }
    topic.levelAt = performance.now();
    // what was missed was published: perhaps this channel is not subscribed any more
    await this.hub.renew(this.keys.channel(topic.ref));
  }
}
