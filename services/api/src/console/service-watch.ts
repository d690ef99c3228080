import type { Logger } from '@millrace/runtime';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Caller } from '../auth/caller.ts';
import { Readiness } from '../health/readiness.ts';
import { StreamQuota } from '../quota/stream-quota.ts';
import { StreamDeadlines } from '../relay/stream-deadlines.ts';
import { LOGGER } from '../tokens.ts';
import { LiveAnswer, sseFrame } from './live-answer.ts';
import { ServiceFigures } from './service-figures.ts';

/** How often to look while somebody watches, milliseconds. */
const LOOK_MS = 1_000;
const UNAVAILABLE = sseFrame('unavailable', { code: 'UNAVAILABLE' });

/** Shows watchers what the service does, live. It looks once a second for all watchers of this node, and not at all while
 *  there are none. */
@Injectable()
export class ServiceWatch implements OnApplicationShutdown {
  readonly #watchers = new Set<LiveAnswer>();
  #timer: NodeJS.Timeout | null = null;
  #isLooking = false;

  constructor(
    @Inject(ServiceFigures) private readonly figures: ServiceFigures,
    @Inject(StreamQuota) private readonly quota: StreamQuota,
    @Inject(StreamDeadlines) private readonly deadlines: StreamDeadlines,
    @Inject(Readiness) private readonly readiness: Readiness,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    // watchers come back to another node
    this.readiness.drainSignal.addEventListener('abort', () => this.#endAll(), { once: true });
  }

  /** @throws TooManyStreams */
  async open(reply: FastifyReply, caller: Caller): Promise<void> {
    await this.quota.acquire(reply, caller);
    if (reply.raw.destroyed) return;
    const watcher = new LiveAnswer(reply, () => this.#remove(watcher));
    if (this.readiness.drainSignal.aborted) {
      watcher.end();
      return;
    }
    this.#watchers.add(watcher);
    this.deadlines.add(watcher, caller.credential);
    this.#timer ??= setInterval(() => void this.#look(), LOOK_MS);
    void this.#look();
  }

  onApplicationShutdown(): void {
    this.#endAll();
  }

  async #look(): Promise<void> {
    // a Redis that hangs is asked once
    if (this.#isLooking) return;
    this.#isLooking = true;
    const frame = await this.#frame();
    this.#isLooking = false;
    for (const watcher of this.#watchers) watcher.send(frame);
  }

  async #frame(): Promise<Buffer> {
    try {
      return sseFrame('service', await this.figures.look());
    } catch (error) {
      this.logger.debug({ err: error }, 'service not surveyed');
      return UNAVAILABLE;
    }
  }

  #remove(watcher: LiveAnswer): void {
    this.#watchers.delete(watcher);
    this.deadlines.remove(watcher);
    if (this.#watchers.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #endAll(): void {
    for (const watcher of this.#watchers) watcher.end();
  }
}
