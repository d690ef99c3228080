import { idOf, jobRef, newRequestId, type ThreadRef, tenantOf, threadRef } from '@millrace/contracts';
import type { Located, Shards } from '@millrace/stream-log';
import type { ThreadKeys } from './thread-keys.ts';
import { PRIVATE } from './thread-record.ts';

/** The most threads of running jobs whose places are remembered: more than a worker has jobs. */
const MAX_CLAIMED = 20_000;

/** With one of two shards up, one id in 2⁶⁴ would not be in it. */
const MAX_TRIES = 64;

/** Which shard has a thread, or the store of a tenant's agents. */
export class ThreadShards {
  /** threads that attempts of this process have claimed. As long as a job has the turn, its thread stays where it is */
  readonly #claimed = new Map<ThreadRef, number>();

  constructor(
    readonly shards: Shards,
    readonly keys: ThreadKeys,
  ) {}

  /** @returns the shard that has a thread, or would have it: of a private one that of its job */
  of(ref: ThreadRef): Located {
    const threadId = idOf(ref);
    const key = this.keys.record(ref);
    if (!threadId.startsWith(PRIVATE)) return this.shards.of(`thread ${ref}`, key);
    // made while its job runs, whose place is known then; the job may be gone before it
    return this.shards.ofJob(jobRef(tenantOf(ref), threadId.slice(PRIVATE.length)), key);
  }

  /** @returns a fresh id of a thread, in a shard that is up unless chance is against it */
  newId(tenant: string): string {
    let id = newRequestId();
    for (let tries = 0; tries < MAX_TRIES && !this.shards.canTake(`thread ${threadRef(tenant, id)}`); tries += 1)
      id = newRequestId();
    return id;
  }

  ofStore(tenant: string): Located {
    const [items] = this.keys.ofStore(tenant);
    return this.shards.of(`store ${tenant}`, items);
  }

  /** Remembers where a thread is that an attempt of this process claims. */
  async claim(ref: ThreadRef): Promise<number> {
    const shard = await this.of(ref);
    this.#claimed.delete(ref);
    this.#claimed.set(ref, shard);
    if (this.#claimed.size > MAX_CLAIMED) {
      const [oldest] = this.#claimed.keys();
      if (oldest !== undefined) this.#claimed.delete(oldest);
    }
    return shard;
  }

  /** @returns the shard of a thread that was claimed here
   *  @throws TypeError it was not */
  ofClaimed(ref: ThreadRef): number {
    const shard = this.#claimed.get(ref);
    if (shard === undefined) throw new TypeError('the thread was not claimed by this process');
    return shard;
  }
}
