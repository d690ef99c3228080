import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@millrace/runtime';
import type { EventBatch } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { Metrics } from '../health/metrics.ts';
import type { ApiSettings } from '../settings.ts';
import { LOGGER, SETTINGS } from '../tokens.ts';
import type { StreamConnection } from './stream-connection.ts';

/** All open streams of this process. Counts and logs them; one timer sends their heartbeats. */
@Injectable()
export class OpenStreams {
  readonly #connections = new Set<StreamConnection>();
  #timer: NodeJS.Timeout | null = null;
  #leaving = false;
  /** open answers whose clients do not come back for the rest */
  #unresumable = 0;
  /** called when the last of them has ended */
  #onAllEnded: (() => void) | null = null;

  constructor(
    @Inject(SETTINGS) private readonly settings: ApiSettings,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  get size(): number {
    return this.#connections.size;
  }

  add(connection: StreamConnection): void {
    this.#connections.add(connection);
    if (connection.isUnresumable) this.#unresumable += 1;
    this.metrics.openStreams.set(this.size);
    if (this.#timer !== null) return;
    this.#timer = setInterval(() => this.#beat(), this.settings.MILLRACE_HEARTBEAT_MS);
  }

  /** Must be called when the reader has its headers.
   *  @param after the cursor that the reader came with; null: none */
  attached(connection: StreamConnection, after: string | null): void {
    this.metrics.streamOpened(after !== null);
    const resumed = after === null ? {} : { eventId: after };
    this.logger.info({ ...connection.names, ...resumed }, after === null ? 'attached' : 'resumed');
    if (this.#leaving) this.#sendElsewhere(connection);
  }

  relayed(connection: StreamConnection, batch: EventBatch, bytes: number): void {
    this.metrics.relayed(batch.events.length, bytes);
    if (connection.hasSentText || !batch.events.some((event) => event.type === 'text')) return;
    connection.hasSentText = true;
    this.metrics.firstToken(performance.now() - connection.openedAt, connection.traceId);
  }

  remove(connection: StreamConnection): void {
    if (!this.#connections.delete(connection)) return;
    if (connection.isUnresumable) this.#unresumableEnded();
    this.metrics.openStreams.set(this.size);
    const durationMs = Math.round(performance.now() - connection.openedAt);
    const { names, reason, fault } = connection;
    if (reason === 'failed') this.logger.error({ ...names, reason, durationMs, err: fault }, 'closed');
    else this.logger.info({ ...names, reason, durationMs }, 'closed');
    if (this.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Counts an answer that is sent whole, at the end of its job.
   *  @returns ends the count */
  holdWhole(): Disposable {
    this.#unresumable += 1;
    return { [Symbol.dispose]: () => this.#unresumableEnded() };
  }

  /** Sends all readers to other nodes, spread over a window so that they do not arrive at once (PROTOCOL.md §8). Some may
   *  come back, because this node still answers: see {@link leave}. Readers who lose the rest of their answer have until
   *  the end of the window.
   *  @param windowMs how long it takes, milliseconds */
  async drain(windowMs: number): Promise<void> {
    const connections = [...this.#connections].filter(({ isUnresumable }) => !isUnresumable);
    const startedAt = performance.now();
    const leftMs = () => windowMs - (performance.now() - startedAt);
    const stepMs = windowMs / connections.length;
    for (const [index, connection] of connections.entries()) {
      const aheadMs = index * stepMs - (performance.now() - startedAt);
      if (aheadMs > 0) await sleep(aheadMs);
      this.#sendElsewhere(connection);
    }
    await this.#untilAllEnded(leftMs());
    for (const connection of this.#connections) if (connection.isUnresumable) this.#sendElsewhere(connection);
  }

  /** Sends all readers to other nodes at once, and later ones as soon as they have their headers. */
  leave(): void {
    this.#leaving = true;
    for (const connection of this.#connections) this.#sendElsewhere(connection);
  }

  #sendElsewhere(connection: StreamConnection): void {
    // its request has no answer yet: `attached` sends it elsewhere
    if (!connection.started) return;
    // jitter, so that they do not all come back at once
    connection.close('drained', this.settings.MILLRACE_RETRY_MS * (0.5 + Math.random()));
  }

  async #untilAllEnded(ms: number): Promise<void> {
    if (this.#unresumable === 0 || ms <= 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onAllEnded = resolve;
    const timer = setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
    this.#onAllEnded = null;
  }

  #unresumableEnded(): void {
    this.#unresumable -= 1;
    if (this.#unresumable === 0) this.#onAllEnded?.();
  }

  #beat(): void {
    for (const connection of this.#connections) connection.beat();
  }
}
