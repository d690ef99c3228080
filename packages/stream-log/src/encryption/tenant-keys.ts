import { randomBytes } from 'node:crypto';
import { KMS_ID } from '@millrace/contracts';
import { ContentUnreadable } from '../errors.ts';
import type { KeySpace } from '../redis/keys.ts';
import { type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';
import type { KeyWrapper } from './master-keys.ts';

/** Data keys that a process has in memory; the one that was used longest ago goes first. */
const MOST_CACHED = 10_000;

/** How often to look whether the cached keys still count: how long a destroyed key may still be in memory, milliseconds. */
const REFRESH_MS = 2_000;

/** Cached keys compared by one command, and keys read by one scan. */
const BATCH = 500;

/** How long not to ask again for a key that could not be had, milliseconds: many may wait for it. */
const FAILED_MS = 1_000;

const KEY_BYTES = 32;

/** Data keys of one master key that must fail before the master key is held to be another: one may have been altered. */
const MOST_TRIED = 3;

/** `<id of the data key> <id of the master key> <wrapped, base64>` */
const STORED_KEY = /^([\w-]{8}) ([\w-]{1,32}) ([A-Za-z0-9+/]+={0,2})$/;

/** The key that seals what a tenant's words are in. */
export interface TenantKey {
  readonly id: string;
  readonly secret: Uint8Array;
}

/** What a pass over all data keys has found. */
export interface RewrapReport {
  readonly rewrapped: number;
  /** the master key that wraps data keys from now on */
  readonly current: string;
  /** master keys that wrap nothing any more: they may leave the settings once all processes have the same first one */
  readonly unused: readonly string[];
  /** master keys that wrap data keys and that the settings do not have */
  readonly missing: readonly string[];
  /** tenants whose data key is not one: it was left as it is */
  readonly malformed: readonly string[];
  /** tenants by the id of the master key that wraps their data keys */
  readonly wrappedBy: ReadonlyMap<string, number>;
}

/** A data key of a tenant as Redis has it. */
interface StoredKey {
  readonly id: string;
  readonly wrapperId: string;
  readonly wrapped: Buffer;
}

/** The data keys: one for each tenant, made on first use, in Redis wrapped by a master key alone. */
export class TenantKeys {
  readonly #redis: RedisConnection;
  readonly #key: string;
  readonly #run: RunScript;
  readonly #wrappers: ReadonlyMap<string, KeyWrapper>;
  readonly #currentWrapper: string;
  /** by tenant, the one used last at the end */
  readonly #cached = new Map<string, TenantKey>();
  /** what Redis had last, by tenant, while it is being unwrapped */
  readonly #latest = new Map<string, string>();
  /** by what Redis has */
  readonly #unwrapping = new Map<string, Promise<TenantKey>>();
  readonly #failed = new Map<string, unknown>();
  readonly #timer: NodeJS.Timeout;
  readonly #isThere: () => boolean;
  #isRefreshing = false;

  /** @param wrappers by id, at least one; the first wraps new keys
   *  @param isThere whether Redis answers: while it does not, nobody waits for a key */
  constructor(
    redis: RedisConnection,
    keys: KeySpace,
    wrappers: ReadonlyMap<string, KeyWrapper>,
    isThere: () => boolean = () => true,
  ) {
    const [first] = wrappers.keys();
    if (first === undefined) throw new RangeError('encryption needs a master key');
    this.#redis = redis;
    this.#key = keys.dataKeys;
    this.#run = scriptsOf(redis);
    this.#wrappers = wrappers;
    this.#currentWrapper = first;
    this.#isThere = isThere;
    this.#timer = setInterval(() => void this.#refresh(), REFRESH_MS);
  }

  /** whether the settings have more than the master key in use */
  get hasOldMasterKeys(): boolean {
    return this.#wrappers.size > 1;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#cached.clear();
  }

  /** @returns a tenant's key, if this process has it in memory */
  atHand(tenant: string): TenantKey | undefined {
    return this.#cached.get(tenant);
  }

  /** Reads the key that a tenant has, so that it is at hand.
   *  @throws ContentUnreadable `unavailable` */
  async fetch(tenant: string): Promise<void> {
    await this.#read(tenant);
  }

  /** Reads the key that a tenant has now, and makes one if it has none. Always asks Redis.
   *  @throws ContentUnreadable */
  async current(tenant: string): Promise<TenantKey> {
    for (;;) {
      const known = await this.#read(tenant);
      if (known !== null) return known;
      const id = randomBytes(6).toString('base64url');
      const stored = await this.#wrapped(tenant, id, randomBytes(KEY_BYTES));
      // another process may be first
      await this.#redis.hsetnx(this.#key, tenant, stored);
    }
  }

  /** @param keyId of the key that has sealed something
   *  @throws ContentUnreadable */
  async byId(tenant: string, keyId: string): Promise<TenantKey> {
    const cached = this.#cached.get(tenant);
    if (cached?.id === keyId) return cached;
    const key = await this.#read(tenant);
    if (key?.id === keyId) return key;
    throw new ContentUnreadable('destroyed', `the data key ${keyId} of tenant "${tenant}" is no longer there`);
  }

  /** Destroys a tenant's key: what it has sealed is lost for ever. Other processes forget it within {@link REFRESH_MS}. */
  async destroy(tenant: string): Promise<void> {
    await this.#redis.hdel(this.#key, tenant);
    this.#latest.delete(tenant);
    this.#cached.delete(tenant);
  }

  /** Tries a data key of each master key, or some if it is that one which was altered. A key management service is not asked: it
   *  may be back before it is needed.
   *  @returns tenants whose data key is malformed
   *  @throws ContentUnreadable `unavailable`: a master key is missing, or is another one than its id says */
  async checkMasterKeys(): Promise<string[]> {
    const malformed: string[] = [];
    const fit = new Set<string>([KMS_ID].filter((id) => this.#wrappers.has(id)));
    const failures = new Map<string, unknown[]>();
    for await (const [tenant, stored] of this.#all()) {
      const wrapperId = parsed(stored)?.wrapperId;
      if (wrapperId === undefined) malformed.push(tenant);
      else if (!fit.has(wrapperId) && (failures.get(wrapperId)?.length ?? 0) < MOST_TRIED) {
        await this.#unwrapped(tenant, stored).then(
          () => fit.add(wrapperId),
          (error: unknown) => failures.set(wrapperId, [...(failures.get(wrapperId) ?? []), error]),
        );
      }
    }
    for (const [wrapperId, [first]] of failures) if (!fit.has(wrapperId)) throw first;
    return malformed;
  }

  /** Wraps the data keys anew that another than the current master key wraps. Those that cannot be had now stay as they are.
   *  @returns null: it was ended before it had seen all */
  async rewrapAll(signal?: AbortSignal): Promise<RewrapReport | null> {
    const wrappedBy = new Map<string, number>();
    const malformed: string[] = [];
    let rewrapped = 0;
    for await (const [tenant, stored] of this.#all()) {
      if (signal?.aborted) return null;
      const wrapperId = parsed(stored)?.wrapperId;
      if (wrapperId === undefined) {
        malformed.push(tenant);
        continue;
      }
      const isChanged = wrapperId !== this.#currentWrapper && (await this.#rewrap(tenant, stored));
      if (isChanged) rewrapped += 1;
      const wrapper = isChanged ? this.#currentWrapper : wrapperId;
      wrappedBy.set(wrapper, (wrappedBy.get(wrapper) ?? 0) + 1);
    }
    const others = [...this.#wrappers.keys()].filter((id) => id !== this.#currentWrapper);
    return {
      rewrapped,
      current: this.#currentWrapper,
      unused: others.filter((id) => !wrappedBy.has(id)),
      missing: [...wrappedBy.keys()].filter((id) => !this.#wrappers.has(id)),
      malformed,
      wrappedBy,
    };
  }

  /** All data keys, as Redis has them: tenant, key. One may come twice, if others come meanwhile. */
  async *#all(): AsyncGenerator<[string, string], void, undefined> {
    for (let cursor = '0'; ; ) {
      const [next, page] = await this.#redis.hscan(this.#key, cursor, 'COUNT', BATCH);
      for (let i = 0; i + 1 < page.length; i += 2) yield page.slice(i, i + 2) as [string, string];
      cursor = next;
      if (cursor === '0') return;
    }
  }

  /** One question at a time to what wraps a key, however many wait for it. */
  #unwrappedOnce(tenant: string, stored: string): Promise<TenantKey> {
    const under = this.#unwrapping.get(stored);
    if (under !== undefined) return under;
    const unwrapping = this.#unwrappedUnlessFailed(tenant, stored).finally(() => this.#unwrapping.delete(stored));
    this.#unwrapping.set(stored, unwrapping);
    return unwrapping;
  }

  async #unwrappedUnlessFailed(tenant: string, stored: string): Promise<TenantKey> {
    if (this.#failed.has(stored)) throw this.#failed.get(stored);
    try {
      return await this.#unwrapped(tenant, stored);
    } catch (error) {
      this.#failed.set(stored, error);
      setTimeout(() => this.#failed.delete(stored), FAILED_MS).unref();
      throw error;
    }
  }

  /** Asks Redis itself, each time, unless it is away: a reply that others wait for may be from before an erasure. */
  async #read(tenant: string): Promise<TenantKey | null> {
    if (!this.#isThere()) return this.#remembered(tenant);
    const stored = await this.#redis.hget(this.#key, tenant);
    const cached = this.#cached.get(tenant);
    this.#cached.delete(tenant);
    this.#latest.delete(tenant);
    if (stored === null) return null;
    // wrapped anew, it is still the same key
    if (cached !== undefined && cached.id === parsed(stored)?.id) {
      this.#keep(tenant, cached);
      return cached;
    }
    this.#latest.set(tenant, stored);
    try {
      const key = await this.#unwrappedOnce(tenant, stored);
      // an erasure may have been noticed meanwhile
      if (this.#latest.get(tenant) === stored) this.#keep(tenant, key);
      return key;
    } finally {
      if (this.#latest.get(tenant) === stored) this.#latest.delete(tenant);
    }
  }

  /** While Redis is away, nobody can destroy a key either: what is sealed with one that was destroyed just before is lost with it.
   *  @throws ContentUnreadable `unavailable` */
  #remembered(tenant: string): TenantKey {
    const cached = this.#cached.get(tenant);
    if (cached !== undefined) return cached;
    throw new ContentUnreadable('unavailable', 'the shard that has the data keys does not answer');
  }

  #keep(tenant: string, key: TenantKey): void {
    this.#cached.set(tenant, key);
    if (this.#cached.size <= MOST_CACHED) return;
    const [oldest] = this.#cached.keys();
    if (oldest !== undefined) this.#cached.delete(oldest);
  }

  /** Forgets the cached keys that were destroyed. Never rejects. */
  async #refresh(): Promise<void> {
    if (this.#isRefreshing || this.#cached.size === 0) return;
    this.#isRefreshing = true;
    try {
      const tenants = [...this.#cached.keys()];
      for (let start = 0; start < tenants.length; start += BATCH) {
        const page = tenants.slice(start, start + BATCH);
        const before = page.map((tenant) => this.#cached.get(tenant));
        const stored = await this.#redis.hmget(this.#key, ...page);
        for (const [place, tenant] of page.entries()) {
          const cached = this.#cached.get(tenant);
          // one that was read meanwhile is newer than this reply
          if (cached === undefined || cached !== before[place]) continue;
          if (parsed(stored[place] ?? '')?.id !== cached.id) this.#cached.delete(tenant);
        }
      }
    } catch {
      // Redis is away, which its connection has logged: nothing can be read or destroyed either
    } finally {
      this.#isRefreshing = false;
    }
  }

  async #rewrap(tenant: string, stored: string): Promise<boolean> {
    try {
      const { id, secret } = await this.#unwrapped(tenant, stored);
      return (await this.#run('rewrap', [this.#key], [tenant, stored, await this.#wrapped(tenant, id, secret)])) === 1;
    } catch (error) {
      if (error instanceof ContentUnreadable) return false;
      throw error;
    }
  }

  async #wrapped(tenant: string, id: string, secret: Uint8Array): Promise<string> {
    const wrapper = this.#wrappers.get(this.#currentWrapper) as KeyWrapper;
    try {
      const wrapped = await wrapper.wrap(tenant, secret);
      return `${id} ${this.#currentWrapper} ${Buffer.from(wrapped).toString('base64')}`;
    } catch (error) {
      throw new ContentUnreadable('unavailable', `"${this.#currentWrapper}" cannot wrap the key of "${tenant}"`, error);
    }
  }

  async #unwrapped(tenant: string, stored: string): Promise<TenantKey> {
    const key = parsed(stored);
    if (key === null) throw new ContentUnreadable('altered', `the data key of tenant "${tenant}" is malformed`);
    const { id, wrapperId, wrapped } = key;
    const wrapper = this.#wrappers.get(wrapperId);
    if (wrapper === undefined) throw missingMaster(wrapperId, `the data key of tenant "${tenant}"`);
    try {
      const secret = await wrapper.unwrap(tenant, wrapped);
      if (secret.length !== KEY_BYTES) throw new RangeError(`it has ${secret.length} bytes`);
      return { id, secret };
    } catch (error) {
      const message = `"${wrapperId}" does not unwrap the data key of tenant "${tenant}": is it the key that had this id before?`;
      throw new ContentUnreadable('unavailable', message, error);
    }
  }
}

function missingMaster(id: string, what: string): ContentUnreadable {
  const setting = id === KMS_ID ? 'MILLRACE_ENCRYPTION_KMS is not set' : `MILLRACE_ENCRYPTION_KEYS has no key "${id}"`;
  return new ContentUnreadable('unavailable', `${setting}, which wraps ${what}`);
}

/** @returns null: it is malformed */
function parsed(stored: string): StoredKey | null {
  const [, id, wrapperId, wrapped] = STORED_KEY.exec(stored) ?? [];
  if (id === undefined || wrapperId === undefined || wrapped === undefined) return null;
  return { id, wrapperId, wrapped: Buffer.from(wrapped, 'base64') };
}
