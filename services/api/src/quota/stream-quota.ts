import type { ServerResponse } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Caller } from '../auth/caller.ts';
import { TooManyStreams } from '../http/problem.ts';
import type { ApiSettings } from '../settings.ts';
import { SETTINGS } from '../tokens.ts';
import { Seats } from './tenant-permits.ts';

/** Bounds the streams, and the requests that wait for a job's end, which each tenant holds open on this node. The tenant
 *  is the caller's: an admin who watches another tenant's job holds the connection. @see PROTOCOL.md §7 */
@Injectable()
export class StreamQuota {
  readonly #seats: Seats;
  readonly #perTenant: number;
  readonly #holders = new WeakMap<ServerResponse, string>();
  readonly #leave: (this: ServerResponse) => void;

  constructor(@Inject(SETTINGS) settings: ApiSettings) {
    this.#perTenant = settings.MILLRACE_MAX_STREAMS_PER_TENANT;
    const seats = new Seats(this.#perTenant);
    const holders = this.#holders;
    this.#seats = seats;
    // one function for all: thousands of streams keep it
    this.#leave = function (this: ServerResponse) {
      const tenant = holders.get(this);
      if (tenant === undefined) return;
      holders.delete(this);
      seats.free(tenant);
    };
  }

  /** Counts a response in until it is closed. Called before anything is stored or attached, so that a refusal leaves
   *  nothing behind.
   *  @throws TooManyStreams */
  claim({ raw }: FastifyReply, { tenant }: Caller): void {
    if (raw.destroyed) return; // the reader has gone, and nothing more will be heard of it
    if (!this.#seats.take(tenant)) throw new TooManyStreams(this.#perTenant);
    this.#holders.set(raw, tenant);
    raw.on('close', this.#leave);
  }
}
