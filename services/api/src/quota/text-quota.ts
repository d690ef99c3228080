import type { ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { TooManyTexts } from '../http/problem.ts';
import { FairTurns } from './semaphore.ts';
import { Seats } from './tenant-permits.ts';

/** Pages on their way from Redis at a time, of all looks of this node together: streams have a lane of their own. */
const PAGES_AT_ONCE = 4;

/** Long texts that one tenant reads at a time on this node; each holds about a page, 64 KiB. */
const TEXTS_PER_TENANT = 8;
/** Long texts of one tenant that may wait for that, with their first page. */
const MOST_WAITING = 64;
/** How long they may, milliseconds. */
const MOST_WAIT_MS = 5_000;

/** Bounds what looks at whole texts cost: each tenant's share of the reads of Redis, and of the long texts that are being
 *  written at their readers' pace. @see PROTOCOL.md §7 */
@Injectable()
export class TextQuota {
  readonly #pages = new FairTurns(PAGES_AT_ONCE);
  readonly #seats = new Seats(TEXTS_PER_TENANT);
  /** how to begin those that wait, by tenant, in their order */
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Reads a page when it is the tenant's turn. */
  page<T>(tenant: string, read: () => Promise<T>): Promise<T> {
    return this.#pages.take(tenant, read);
  }

  /** Lets a long text begin: at once, or when another one of the tenant has ended. Its place is free again when the
   *  response is closed.
   *  @throws TooManyTexts too many wait, or this one has waited for too long */
  async begin(tenant: string, response: ServerResponse): Promise<void> {
    if (response.destroyed) return; // gone: its end will not be heard of any more
    if (!this.#seats.take(tenant)) await this.#waitFor(tenant, response);
    if (response.destroyed) this.#hand(tenant);
    else response.once('close', () => this.#hand(tenant));
  }

  /** @returns when a place was handed on to this response */
  async #waitFor(tenant: string, response: ServerResponse): Promise<void> {
    const line = this.#waiting.get(tenant) ?? new Set<() => void>();
    if (line.size >= MOST_WAITING) throw new TooManyTexts(TEXTS_PER_TENANT);
    this.#waiting.set(tenant, line);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const giveUp = () => {
      // now, not when the rejection is heard of: a place must not be handed to who has given up
      line.delete(resolve);
      reject(new TooManyTexts(TEXTS_PER_TENANT));
    };
    const timer = setTimeout(giveUp, MOST_WAIT_MS);
    response.once('close', giveUp);
    line.add(resolve);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      response.off('close', giveUp);
      if (line.size === 0) this.#waiting.delete(tenant);
    }
  }

  /** A place is free: the next of the tenant has it, if there is one. */
  #hand(tenant: string): void {
    const line = this.#waiting.get(tenant);
    const [next] = line ?? [];
    if (next === undefined) this.#seats.free(tenant);
    else {
      line?.delete(next);
      next();
    }
  }
}
