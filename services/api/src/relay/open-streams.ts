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
    this.metrics.firstToken(performance.now() - connection.openedAt);
  }

  remove(connection: StreamConnection): void {
    if (!this.#connections.delete(connection)) return;
    this.metrics.openStreams.set(this.size);
    const durationMs = Math.round(performance.now() - connection.openedAt);
    const { names, reason, fault } = connection;
    if (reason === 'failed') this.logger.error({ ...names, reason, durationMs, err: fault }, 'closed');
    else this.logger.info({ ...names, reason, durationMs }, 'closed');
    if (this.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Sends all readers to other nodes, spread over a window so that they do not arrive at once (PROTOCOL.md §8). Some may
   *  come back, because this node still answers: see {@link leave}.
   *  @param windowMs how long it takes, milliseconds */
  async drain(windowMs: number): Promise<void> {
    const connections = [...this.#connections];
    const startedAt = performance.now();
    const stepMs = windowMs / connections.length;
    for (const [index, connection] of connections.entries()) {
      const aheadMs = index * stepMs - (performance.now() - startedAt);
      if (aheadMs > 0) await sleep(aheadMs);
      this.#sendElsewhere(connection);
    }
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

  #beat(): void {
    for (const connection of this.#connections) connection.beat();
  }
}
