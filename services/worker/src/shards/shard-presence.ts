import type { RedisConnection } from '@millrace/runtime';
import { ShardAway } from '@millrace/stream-log';

/** Whether a shard answers, as far as its connections know: of one that hangs they learn within 5 s. */
export class ShardPresence {
  readonly #connections: readonly RedisConnection[];
  #lost = new AbortController();

  /** @param connections one of them a subscriber, whose pings notice a silence */
  constructor(shard: number, connections: readonly RedisConnection[]) {
    this.#connections = connections;
    for (const connection of connections) {
      connection.on('close', () => this.#lost.abort(new ShardAway(shard)));
      connection.on('ready', () => this.#comeBack());
    }
  }

  get isThere(): boolean {
    return this.#connections.every(({ status }) => status === 'ready');
  }

  /** Asks the shard for something, and waits only for as long as it is there. What was sent before it was lost may still be done when
   *  it is back.
   *  @throws ShardAway */
  async unlessLost<T>(ask: () => Promise<T>): Promise<T> {
    const { signal } = this.#lost;
    signal.throwIfAborted();
    const lost = Promise.withResolvers<never>();
    const onLost = () => lost.reject(signal.reason);
    signal.addEventListener('abort', onLost, { once: true });
    try {
      return await Promise.race([ask(), lost.promise]);
    } finally {
      signal.removeEventListener('abort', onLost);
    }
  }

  #comeBack(): void {
    if (this.#lost.signal.aborted && this.isThere) this.#lost = new AbortController();
  }
}
