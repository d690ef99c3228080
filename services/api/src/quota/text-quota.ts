import type { ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { TooManyTexts } from '../http/problem.ts';
import { FairSemaphore } from './fair-semaphore.ts';
import { TenantPermits } from './tenant-permits.ts';

/** Pages that this node reads from Redis at a time to answer `GET /jobs/:id`. Streams read theirs beside these. */
const CONCURRENT_PAGES = 4;

/** Long texts that one tenant reads at a time on this node. Each holds about one page, 64 KiB. */
const TEXTS_PER_TENANT = 8;
/** Further ones in answers to changes, which are answered in any case. */
const CHANGES_PER_TENANT = 8;
/** Long texts of one tenant that may wait, each with its first page. */
const MAX_WAITING = 64;
/** How long one may wait, milliseconds. */
const MAX_WAIT_MS = 5_000;

/** Bounds the cost of reading whole texts: each tenant's share of the reads from Redis, and of the long texts that are
 *  being written at their readers' pace. @see PROTOCOL.md §7 */
@Injectable()
export class TextQuota {
  readonly #pages = new FairSemaphore(CONCURRENT_PAGES);
  readonly #texts = new TenantPermits();
  readonly #ofChanges = new TenantPermits();
  /** how to start the texts that wait, by tenant, in order */
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Reads a page. Tenants take turns. */
  readPage<T>(tenant: string, read: () => Promise<T>): Promise<T> {
    return this.#pages.withPermit(tenant, read);
  }

  /** Waits until the tenant may write one more long text, and counts it until the response closes.
   *  @param isPatient waits as long as it takes: for the answer to a change, which nobody can ask for again. What bounds
   *    the number of such requests is up to the caller
   *  @throws TooManyTexts too many wait, or this one waited too long */
  async acquireText(tenant: string, response: ServerResponse, { isPatient = false } = {}): Promise<void> {
    if (response.destroyed) return; // the reader is gone, and there will be no further `close`
    if (!this.#texts.tryAcquire(tenant, TEXTS_PER_TENANT)) await this.#wait(tenant, response, isPatient);
    if (response.destroyed) this.#passOn(tenant);
    else response.once('close', () => this.#passOn(tenant));
  }

  /** Counts one more long text, in the answer to a change, until the response closes. Waits for nothing.
   *  @returns false: the tenant has too many, so that the answer must do without */
  tryAcquireText(tenant: string, response: ServerResponse): boolean {
    if (response.destroyed) return true;
    if (this.#texts.tryAcquire(tenant, TEXTS_PER_TENANT)) {
      response.once('close', () => this.#passOn(tenant));
      return true;
    }
    if (!this.#ofChanges.tryAcquire(tenant, CHANGES_PER_TENANT)) return false;
    response.once('close', () => this.#ofChanges.release(tenant));
    return true;
  }

  /** @returns when a permit was passed on to this response */
  async #wait(tenant: string, response: ServerResponse, isPatient: boolean): Promise<void> {
    const waiting = this.#waiting.get(tenant) ?? new Set<() => void>();
    if (waiting.size >= MAX_WAITING && !isPatient) throw new TooManyTexts(TEXTS_PER_TENANT);
    this.#waiting.set(tenant, waiting);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const giveUp = () => {
      // at once, not when the rejection arrives: a permit must not go to a response that has given up
      waiting.delete(resolve);
      reject(new TooManyTexts(TEXTS_PER_TENANT));
    };
    const timer = isPatient ? undefined : setTimeout(giveUp, MAX_WAIT_MS);
    response.once('close', giveUp);
    waiting.add(resolve);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      response.off('close', giveUp);
      if (waiting.size === 0) this.#waiting.delete(tenant);
    }
  }

  /** Passes a permit on to the next text of the tenant, or frees it. */
  #passOn(tenant: string): void {
    const waiting = this.#waiting.get(tenant);
    const [next] = waiting ?? [];
    if (next === undefined) this.#texts.release(tenant);
    else {
      waiting?.delete(next);
      next();
    }
  }
}
