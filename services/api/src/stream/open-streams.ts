import { setTimeout as sleep } from 'node:timers/promises';
import type { EventId } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import type { EventBatch } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { Metrics } from '../health/metrics.ts';
import type { ApiSettings } from '../settings.ts';
import { LOGGER, SETTINGS } from '../tokens.ts';
import type { StreamConnection } from './stream-connection.ts';

/** What a reader gets at least to take the rest of its body, milliseconds. */
const FLUSH_MS = 250;

/** How often stalled readers are looked for. */
const TICK_MS = 1_000;

/** All streams of this process: counted, logged, and kept alive or cut off by the one timer that they share. */
@Injectable()
export class OpenStreams {
  readonly #connections = new Set<StreamConnection>();
  #timer: NodeJS.Timeout | null = null;
  #lastBeatAt = performance.now();

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
    const { MILLRACE_HEARTBEAT_MS: heartbeatMs, MILLRACE_STALL_TIMEOUT_MS: stallMs } = this.settings;
    this.#lastBeatAt = performance.now();
    this.#timer = setInterval(() => this.#tick(), Math.min(TICK_MS, heartbeatMs, stallMs));
  }

  /** The reader has its headers. */
  attached(connection: StreamConnection, after: EventId | null): void {
    this.metrics.streamOpened(after !== null);
    const resumed = after === null ? {} : { eventId: after };
    this.logger.info({ requestId: connection.jobId, ...resumed }, after === null ? 'attached' : 'resumed');
  }

  relayed(connection: StreamConnection, batch: EventBatch, bytes: number): void {
    this.metrics.relayed(batch.events.length, bytes);
    if (connection.saidText || !batch.events.some((event) => event.type === 'text')) return;
    connection.saidText = true;
    this.metrics.firstToken(performance.now() - connection.openedAt);
  }

  remove(connection: StreamConnection): void {
    if (!this.#connections.delete(connection)) return;
    this.metrics.openStreams.set(this.size);
    const durationMs = Math.round(performance.now() - connection.openedAt);
    const { jobId: requestId, reason, fault } = connection;
    if (reason === 'failed') this.logger.error({ requestId, reason, durationMs, at: framesOf(fault) }, 'closed');
    else this.logger.info({ requestId, reason, durationMs }, 'closed');
    if (this.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Sends every reader elsewhere, spread over a window so that they do not all arrive at once (PROTOCOL.md §8).
   *  @param windowMs how long it may take, milliseconds */
  async drain(windowMs: number): Promise<void> {
    const connections = [...this.#connections];
    const startedAt = performance.now();
    // the last third of the window is left for bodies to flush
    const stepMs = (windowMs * 2) / 3 / connections.length;
    for (const [index, connection] of connections.entries()) {
      const aheadMs = index * stepMs - (performance.now() - startedAt);
      if (aheadMs > 0) await sleep(aheadMs);
      this.#sendElsewhere(connection);
    }
    // who came back to this node meanwhile
    for (const connection of this.#connections) this.#sendElsewhere(connection);
    const deadline = performance.now() + Math.max(windowMs / 3, FLUSH_MS);
    while (this.size > 0 && performance.now() < deadline) await sleep(10);
    for (const connection of this.#connections) connection.abort('drained');
  }

  #sendElsewhere(connection: StreamConnection): void {
    // jitter: they shall not all come back in the same moment
    connection.close('drained', this.settings.MILLRACE_RETRY_MS * (0.5 + Math.random()));
  }

  #tick(): void {
    const now = performance.now();
    const beats = now - this.#lastBeatAt >= this.settings.MILLRACE_HEARTBEAT_MS;
    if (beats) this.#lastBeatAt = now;
    for (const connection of this.#connections) {
      const { blockedSince } = connection;
      if (blockedSince !== null && now - blockedSince >= this.settings.MILLRACE_STALL_TIMEOUT_MS) {
        connection.abort('stalled');
      } else if (beats) {
        connection.beat();
      }
    }
  }
}

/** Where it was thrown, without the message: a parser's quotes what it read. */
function framesOf(fault: unknown): string[] {
  if (!(fault instanceof Error)) return [];
  const frames = (fault.stack ?? '').split('\n').map((line) => line.trim());
  return [fault.name, ...frames.filter((line) => line.startsWith('at '))];
}
