import { SubscriptionUnconfirmed } from '../errors.ts';
import type { RedisConnection } from '../redis/scripts.ts';

export interface ChannelListener {
  message(payload: string): void;
  /** messages may have been lost: the connection was down, and the channel is now confirmed again */
  resubscribed(): void;
}

export interface ChannelHubOptions {
  /** a connection of its own, opened with `autoResubscribe: false` */
  readonly connection: RedisConnection;
  /** on a cluster, for the channels of jobs: SSUBSCRIBE (law 13) */
  readonly sharded: boolean;
  /** how long Redis may take to confirm a subscription, milliseconds */
  readonly confirmTimeoutMs?: number;
}

/** How long to wait before channels are subscribed again that were not confirmed in time, milliseconds. */
const RETRY_MS = 250;

/** Channels of one SUBSCRIBE; a reconnect with thousands of channels sends several. */
const CHUNK = 500;

/** The one subscriber connection of a process: each channel once, however many listen.
 *
 *  ioredis emits `ready` before it has resubscribed, so the hub does that itself after each reconnect, and a
 *  subscription counts only when Redis has confirmed it (law 5). */
export class ChannelHub {
  readonly #connection: RedisConnection;
  readonly #sharded: boolean;
  readonly #confirmTimeoutMs: number;
  readonly #listeners = new Map<string, ChannelListener>();
  #confirmed = false;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: ChannelHubOptions) {
    this.#connection = options.connection;
    this.#sharded = options.sharded;
    this.#confirmTimeoutMs = options.confirmTimeoutMs ?? 1_500;
    this.#confirmed = this.#connection.status === 'ready';
    this.#connection
      .on(this.#sharded ? 'smessage' : 'message', this.#onMessage)
      .on('ready', this.#resubscribe)
      .on('close', this.#onClose);
    // a cluster may lose one node's subscriber while the rest stays ready
    if (this.#sharded) this.#connection.on('subscribersReady', this.#resubscribe);
  }

  /** whether every channel is confirmed on the present connection */
  get ready(): boolean {
    return this.#confirmed;
  }

  /** Resolves when Redis has confirmed. One listener per channel.
   *  @throws SubscriptionUnconfirmed it did not in time; the channel is then not subscribed */
  async subscribe(channel: string, listener: ChannelListener): Promise<void> {
    this.#listeners.set(channel, listener);
    try {
      await this.#confirm([channel]);
    } catch (error) {
      this.unsubscribe(channel);
      throw error;
    }
  }

  unsubscribe(channel: string): void {
    if (!this.#listeners.delete(channel) || this.#closed) return;
    const sent = this.#sharded ? this.#connection.sunsubscribe(channel) : this.#connection.unsubscribe(channel);
    // a lost connection has unsubscribed already
    sent.catch(() => undefined);
  }

  /** Subscribes to a channel again, after a silence that looked like a lost subscription. */
  async renew(channel: string): Promise<void> {
    if (this.#listeners.has(channel)) await this.#confirm([channel]);
  }

  /** Stops listening. The connection stays the caller's. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#confirmed = false;
    this.#listeners.clear();
    this.#connection
      .off('message', this.#onMessage)
      .off('smessage', this.#onMessage)
      .off('ready', this.#resubscribe)
      .off('subscribersReady', this.#resubscribe)
      .off('close', this.#onClose);
  }

  readonly #onMessage = (channel: string, payload: string): void => {
    this.#listeners.get(channel)?.message(payload);
  };

  readonly #onClose = (): void => {
    this.#confirmed = false;
  };

  readonly #resubscribe = async (): Promise<void> => {
    clearTimeout(this.#retry);
    const channels = [...this.#listeners.keys()];
    try {
      for (let start = 0; start < channels.length; start += CHUNK) {
        await this.#confirm(channels.slice(start, start + CHUNK));
      }
    } catch {
      // a connection that went away again starts over with its next `ready`; one that was only slow does not
      if (!this.#closed && this.#connection.status === 'ready') this.#retry = setTimeout(this.#resubscribe, RETRY_MS);
      return;
    }
    if (this.#closed) return;
    this.#confirmed = true;
    for (const channel of channels) this.#listeners.get(channel)?.resubscribed();
  };

  async #confirm(channels: string[]): Promise<void> {
    const timeout = Promise.withResolvers<never>();
    const timer = setTimeout(() => timeout.reject(new SubscriptionUnconfirmed()), this.#confirmTimeoutMs);
    try {
      await Promise.race([
        timeout.promise,
        this.#sharded ? this.#confirmSharded(channels) : this.#connection.subscribe(...channels),
      ]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** One command per channel: the channels of one SSUBSCRIBE would have to share a slot. */
  #confirmSharded(channels: readonly string[]): Promise<unknown> {
    return Promise.all(channels.map((channel) => this.#connection.ssubscribe(channel)));
  }
}
