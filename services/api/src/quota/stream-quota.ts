import type { ServerResponse } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Caller } from '../auth/caller.ts';
import { TooManyStreams } from '../http/problem.ts';
import { TenantLimits } from './tenant-limits.ts';
import { TenantPermits } from './tenant-permits.ts';

/** Bounds the open streams of each tenant on this node, including requests that wait for the end of a job. The caller's
 *  tenant counts: an admin who watches another tenant's job holds the connection. @see PROTOCOL.md §7 */
@Injectable()
export class StreamQuota {
  readonly #permits = new TenantPermits();
  readonly #holders = new WeakMap<ServerResponse, string>();
  readonly #release: (this: ServerResponse) => void;

  constructor(@Inject(TenantLimits) private readonly limits: TenantLimits) {
    const permits = this.#permits;
    const holders = this.#holders;
    // one function shared by all: thousands of streams hold it
    this.#release = function (this: ServerResponse) {
      const tenant = holders.get(this);
      if (tenant === undefined) return;
      holders.delete(this);
      permits.release(tenant);
    };
  }

  /** @returns how many responses of a tenant this node counts */
  openStreamsOf(tenant: string): number {
    return this.#permits.heldBy(tenant);
  }

  /** How many responses of each tenant this node counts. */
  get openStreams(): ReadonlyMap<string, number> {
    return this.#permits.holders;
  }

  /** Counts a response until it closes. Must be called before anything is stored or attached, so that a refusal leaves
   *  nothing behind.
   *  @throws TooManyStreams */
  acquire({ raw }: FastifyReply, { tenant }: Caller): void {
    if (raw.destroyed) return; // the reader is gone, and there will be no further `close`
    const { streams: max } = this.limits.limitsOf(tenant);
    if (!this.#permits.tryAcquire(tenant, max ?? Number.POSITIVE_INFINITY)) throw new TooManyStreams(max ?? 0);
    this.#holders.set(raw, tenant);
    raw.on('close', this.#release);
  }
}
