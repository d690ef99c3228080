import type { ThreadRef } from '@millrace/contracts';
import type { ChannelHub } from '@millrace/stream-log';
import { ThreadTopic, type ThreadWatcher } from './thread-topic.ts';
import type { ThreadTurns } from './thread-turns.ts';

/** How often to check for silent topics, milliseconds. */
const TICK_MS = 500;

/** How long a topic may be silent before it is compared with its thread, milliseconds. With a tick more, a lost message is
 *  found within two seconds. */
const SILENCE_MS = 1_400;

/** Topics compared at once: ten thousand silent threads must not block the event loop. */
const BATCH = 500;

interface Entry {
  readonly topic: ThreadTopic;
  /** resolves when the channel is confirmed */
  readonly confirmed: Promise<void>;
  users: number;
}

/** A watcher's hold on its thread. */
export interface ThreadHold {
  readonly topic: ThreadTopic;
  /** stops at once */
  leave(): void;
}

/** The followed threads of a process: one channel each, any number of watchers. Every change of a thread wakes its
 *  watchers; a lost message is found by comparing the threads whose watchers wait, all in one batch (law 6). */
export class ThreadTopics {
  readonly #entries = new Map<ThreadRef, Entry>();
  readonly #timer: NodeJS.Timeout;
  #checking = false;

  /** @param hub of this process; sharded on a cluster */
  constructor(
    readonly turns: ThreadTurns,
    readonly hub: ChannelHub,
  ) {
    this.#timer = setInterval(() => void this.#check(), TICK_MS);
  }

  /** how many watchers there are, and of how many threads */
  get counts(): { watchers: number; topics: number } {
    let watchers = 0;
    for (const { topic } of this.#entries.values()) watchers += topic.watchers.size;
    return { watchers, topics: this.#entries.size };
  }

  /** how many watchers wait for the next turn of a thread */
  waitingFor(ref: ThreadRef): number {
    const watchers = [...(this.#entries.get(ref)?.topic.watchers ?? [])];
    return watchers.filter(({ waitsFor }) => waitsFor !== null).length;
  }

  /** Wakes the watcher at every change of the thread from now on, until it leaves.
   *  @returns when the channel is confirmed: a read that begins now misses nothing (law 5)
   *  @throws SubscriptionUnconfirmed
   *  @throws Error Redis does not answer */
  async follow(ref: ThreadRef, watcher: ThreadWatcher): Promise<ThreadHold> {
    const entry = this.#acquire(ref);
    try {
      await entry.confirmed;
    } catch (error) {
      this.#leave(ref, entry);
      throw error;
    }
    const { topic } = entry;
    topic.watchers.add(watcher);
    const leave = () => {
      if (topic.watchers.delete(watcher)) this.#leave(ref, entry);
    };
    return { topic, leave };
  }

  /** Ends every watcher and the timer. The connections stay the caller's. */
  close(): void {
    clearInterval(this.#timer);
    for (const { topic } of this.#entries.values()) for (const watcher of topic.watchers) watcher.end();
  }

  #acquire(ref: ThreadRef): Entry {
    const held = this.#entries.get(ref);
    if (held) {
      held.users += 1;
      return held;
    }
    const topic = new ThreadTopic(ref, this.turns);
    const confirmed = this.hub.subscribe(this.turns.keys.channel(ref), topic);
    const entry = { topic, confirmed, users: 1 };
    this.#entries.set(ref, entry);
    // an entry that was never confirmed must not serve the next watcher
    confirmed.catch(() => this.#delete(ref, entry));
    return entry;
  }

  #leave(ref: ThreadRef, entry: Entry): void {
    entry.users -= 1;
    if (entry.users === 0 && this.#delete(ref, entry)) this.hub.unsubscribe(this.turns.keys.channel(ref));
  }

  #delete(ref: ThreadRef, entry: Entry): boolean {
    return this.#entries.get(ref) === entry && this.#entries.delete(ref);
  }

  async #check(): Promise<void> {
    if (this.#checking) return;
    this.#checking = true;
    try {
      const silentSince = performance.now() - SILENCE_MS;
      const silent: ThreadTopic[] = [];
      for (const { topic } of this.#entries.values()) {
        for (const watcher of topic.watchers) if (watcher.stalled) watcher.wake();
        if (topic.levelAt < silentSince && topic.hasWaiting) silent.push(topic);
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
  async #compare(topic: ThreadTopic): Promise<void> {
    const askedAt = performance.now();
    const head = await this.turns.head(topic.ref);
    let missed = false;
    for (const watcher of topic.watchers) {
      const { waitsFor } = watcher;
      if (waitsFor === null || (waitsFor.createdAt === head?.createdAt && waitsFor.after === head.turn)) continue;
      missed = true;
      watcher.wake();
    }
    topic.levelAt = askedAt;
    // what was missed had been published: the channel may have lost its subscription
    if (missed) await this.hub.renew(this.turns.keys.channel(topic.ref));
  }
}
