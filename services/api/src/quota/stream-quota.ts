import type { ServerResponse } from 'node:http';
import type { Logger } from '@millrace/runtime';
import { type ShareRequest, StreamShares } from '@millrace/stream-log';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Caller } from '../auth/caller.ts';
import { TooManyStreams } from '../http/problem.ts';
import { LOGGER, STREAM_SHARES } from '../tokens.ts';
import { withPatience } from './patience.ts';
import { TenantLimits } from './tenant-limits.ts';
import { TenantStreams } from './tenant-streams.ts';

/** How long a stream waits for its count, milliseconds. */
const PATIENCE_MS = 250;
/** How soon the other nodes know of streams that were opened or closed here, milliseconds. */
const TELL_MS = 100;

/** Bounds the open streams of each tenant on all nodes together, including requests that wait for the end of a job. The
 *  caller's tenant counts: an admin who watches another tenant's job holds the connection. While Redis is away, each node
 *  counts its own. @see PROTOCOL.md §7 */
@Injectable()
export class StreamQuota implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #tenants = new Map<string, TenantStreams>();
  readonly #holders = new WeakMap<ServerResponse, TenantStreams>();
  readonly #release: (this: ServerResponse) => void;
  readonly #timers: NodeJS.Timeout[] = [];
  /** Redis did not answer, and has not since */
  #isAway = false;
  /** when Redis last heard that this node is there, ms of performance.now() */
  #heardAt = 0;
  #isBeating = false;

  constructor(
    @Inject(TenantLimits) private readonly limits: TenantLimits,
    @Inject(STREAM_SHARES) private readonly shares: StreamShares,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    const holders = this.#holders;
    // one function shared by all: thousands of streams hold it
    this.#release = function (this: ServerResponse) {
      holders.get(this)?.close();
      holders.delete(this);
    };
  }

  onApplicationBootstrap(): void {
    // not awaited: a node may start before its Redis
    void this.#beat();
    this.#timers.push(
      setInterval(() => void this.#beat(), StreamShares.BEAT_MS),
      setInterval(() => this.#tell(), TELL_MS),
      setInterval(() => {
        this.#repeat();
        this.#quietly(this.shares.removeLost());
      }, StreamShares.REPEAT_MS),
    );
  }

  onApplicationShutdown(): void {
    for (const timer of this.#timers) clearInterval(timer);
    // not awaited: without Redis it would wait for ever, and the shares expire
    this.#quietly(this.shares.withdraw());
  }

  /** @returns how many responses of a tenant all nodes count; other nodes' as of a moment ago */
  async openStreamsOf(tenant: string): Promise<number> {
    return (this.#tenants.get(tenant)?.open ?? 0) + (await this.shares.openElsewhere(tenant));
  }

  /** How many responses of each tenant this node counts. */
  get openStreams(): ReadonlyMap<string, number> {
    return new Map([...this.#tenants].flatMap(([tenant, { open }]) => (open > 0 ? [[tenant, open]] : [])));
  }

  /** Counts a response until it closes. Must be called before anything is stored or attached, so that a refusal leaves
   *  nothing behind.
   *  @throws TooManyStreams */
  async acquire({ raw }: FastifyReply, { tenant }: Caller): Promise<void> {
    if (raw.destroyed) return; // the reader is gone, and there will be no further `close`
    const streams = this.#streamsOf(tenant);
    const { streams: max } = this.limits.limitsOf(tenant);
    if (!(await streams.tryOpen(max))) throw new TooManyStreams(max ?? 0);
    if (raw.destroyed) {
      streams.close();
      return;
    }
    this.#holders.set(raw, streams);
    raw.on('close', this.#release);
  }

  /** Redis is away if this fails, which its connection logs; whatever is lost expires. */
  #quietly(work: Promise<void>): void {
    work.catch((error: unknown) => this.logger.debug({ err: error }, 'shares of streams not updated'));
  }

  #streamsOf(tenant: string): TenantStreams {
    const known = this.#tenants.get(tenant);
    if (known !== undefined) return known;
    const streams = new TenantStreams((open, wanted) => {
      return this.#ask({ tenant, open, wanted, max: this.limits.limitsOf(tenant).streams });
    });
    this.#tenants.set(tenant, streams);
    return streams;
  }

  /** @returns how many streams may be open here now: without Redis, as if there were no other node */
  async #ask(request: ShareRequest): Promise<number> {
    if (!this.#isAway) {
      try {
        return await withPatience(this.shares.ask(request), PATIENCE_MS);
      } catch (error) {
        this.#isAway = true;
        // without an error of its own: Redis took too long
        this.logger.warn({ err: error }, 'streams are counted by this node alone');
      }
    }
    return request.max ?? request.open + request.wanted;
  }

  async #beat(): Promise<void> {
    // a Redis that hangs is asked once
    if (this.#isBeating) return;
    this.#isBeating = true;
    try {
      await this.shares.beat();
      const now = performance.now();
      // who was silent for long may have lost its shares to others
      if (this.#isAway || now - this.#heardAt > 3 * StreamShares.BEAT_MS) this.#repeat();
      this.#heardAt = now;
      this.#isAway = false;
    } catch (error) {
      this.logger.debug({ err: error }, 'not seen by other nodes');
    } finally {
      this.#isBeating = false;
    }
  }

  /** Must be called when the limit of a tenant has changed: this node's share was granted by the one before. */
  limitChanged(tenant: string): void {
    this.#tenants.get(tenant)?.repeat();
  }

  #repeat(): void {
    for (const streams of this.#tenants.values()) streams.repeat();
  }

  #tell(): void {
    if (this.#isAway) return;
    for (const [tenant, streams] of this.#tenants) {
      if (streams.isIdle) this.#tenants.delete(tenant);
      else void streams.tell();
    }
  }
}
