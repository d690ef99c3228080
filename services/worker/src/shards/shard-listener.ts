import { CancelListener, type ChannelHub, type KeySpace, type RedisConnection } from '@millrace/stream-log';
import pRetry from 'p-retry';

/** Subscribes to the cancels of one shard, from now on and until it is closed: its Redis may still be away. */
export class ShardListener {
  readonly cancels: CancelListener;
  /** Resolves when cancels arrive: a worker takes no job of the shard before. */
  readonly confirmed: Promise<void>;
  readonly #hub: ChannelHub;
  readonly #closed = new AbortController();
  #isConfirmed = false;

  constructor(redis: RedisConnection, hub: ChannelHub, keys: KeySpace) {
    this.#hub = hub;
    this.cancels = new CancelListener(redis, hub, keys);
    this.confirmed = this.#start();
    this.confirmed.catch(() => undefined); // closed before
  }

  /** whether cancels arrive at once */
  get isListening(): boolean {
    return this.#isConfirmed && this.#hub.ready;
  }

  close(): void {
    this.#closed.abort();
    this.cancels.close();
    this.#hub.close();
  }

  async #start(): Promise<void> {
    const { signal } = this.#closed;
    const waits = { retries: Number.POSITIVE_INFINITY, minTimeout: 250, maxTimeout: 1_000 };
    await pRetry(() => this.cancels.start(), { ...waits, signal });
    this.#isConfirmed = true;
  }
}
