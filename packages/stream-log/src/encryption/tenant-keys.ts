import { randomBytes } from 'node:crypto';
import { ContentUnreadable } from '../errors.ts';
import type { KeySpace } from '../redis/keys.ts';
import { type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';
import { type KeyWrapper, KMS_ID } from './master-keys.ts';
import { KEY_ID_LENGTH } from './place-key.ts';

/** Data keys that a process has in memory; the one that was used longest ago goes first. */
const MOST_CACHED = 10_000;

/** How often to look whether the cached keys still count: how long a destroyed key may still be in memory, milliseconds. */
const REFRESH_MS = 2_000;

/** Cached keys compared by one command, and keys read by one scan. */
const BATCH = 500;

/** How long not to ask again for a key that could not be had, milliseconds: many may wait for it. */
const FAILED_MS = 1_000;

const KEY_BYTES = 32;

/** The key that seals what a tenant's words are in. */
export interface TenantKey {
  readonly id: string;
  readonly secret: Uint8Array;
}

interface CachedKey extends TenantKey {
  /** as Redis has it */
  readonly stored: string;
}

/** What a pass over all data keys has found. */
export interface RewrapReport {
  readonly rewrapped: number;
  /** master keys that wrap nothing any more: they may leave the settings once all processes have the same first one */
  readonly unused: readonly string[];
  /** master keys that wrap data keys and that the settings do not have */
  readonly missing: readonly string[];
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
  readonly #cached = new Map<string, CachedKey>();
  readonly #loading = new Map<string, Promise<CachedKey | null>>();
  readonly #failed = new Map<string, unknown>();
  readonly #timer: NodeJS.Timeout;
  #isRefreshing = false;

  /** @param wrappers by id, at least one; the first wraps new keys */
  constructor(redis: RedisConnection, keys: KeySpace, wrappers: ReadonlyMap<string, KeyWrapper>) {
    const [first] = wrappers.keys();
    if (first === undefined) throw new RangeError('encryption needs a master key');
    this.#redis = redis;
    this.#key = keys.dataKeys;
    this.#run = scriptsOf(redis);
    this.#wrappers = wrappers;
    this.#currentWrapper = first;
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
    await this.#load(tenant);
  }

  /** Reads the key that a tenant has now, and makes one if it has none. Always asks Redis.
   *  @throws ContentUnreadable */
  async current(tenant: string): Promise<TenantKey> {
    for (;;) {
      const known = await this.#load(tenant);
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
    const key = await this.#load(tenant);
    if (key?.id === keyId) return key;
    throw new ContentUnreadable('destroyed', `the data key ${keyId} of tenant "${tenant}" is no longer there`);
  }

  /** Destroys a tenant's key: what it has sealed is lost for ever. Other processes forget it within {@link REFRESH_MS}. */
  async destroy(tenant: string): Promise<void> {
    await this.#redis.hdel(this.#key, tenant);
    this.#cached.delete(tenant);
  }

  /** Tries one data key of each master key. A key management service is not asked: it may be back before it is needed.
   *  @throws ContentUnreadable `unavailable`: a master key is missing, or is another one than its id says */
  async checkMasterKeys(): Promise<void> {
    const tried = new Set<string>();
    for await (const [tenant, stored] of this.#all()) {
      const { wrapperId } = parsed(stored);
      if (tried.has(wrapperId)) continue;
      tried.add(wrapperId);
      if (wrapperId !== KMS_ID || !this.#wrappers.has(wrapperId)) await this.#unwrapped(tenant, stored);
    }
  }

  /** Wraps the data keys anew that another than the current master key wraps. Those that cannot be had now stay as they are. */
  async rewrapAll(): Promise<RewrapReport> {
    const wrappedBy = new Map<string, number>();
    let rewrapped = 0;
    for await (const [tenant, stored] of this.#all()) {
      const { wrapperId } = parsed(stored);
      const isChanged = wrapperId !== this.#currentWrapper && (await this.#rewrap(tenant, stored));
      if (isChanged) rewrapped += 1;
      const wrapper = isChanged ? this.#currentWrapper : wrapperId;
      wrappedBy.set(wrapper, (wrappedBy.get(wrapper) ?? 0) + 1);
    }
    const others = [...this.#wrappers.keys()].filter((id) => id !== this.#currentWrapper);
    return {
      rewrapped,
      unused: others.filter((id) => !wrappedBy.has(id)),
      missing: [...wrappedBy.keys()].filter((id) => !this.#wrappers.has(id)),
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

  /** One look-up at a time for a tenant, however many wait for it. */
  #load(tenant: string): Promise<CachedKey | null> {
    const loading = this.#loading.get(tenant) ?? this.#read(tenant).finally(() => this.#loading.delete(tenant));
    this.#loading.set(tenant, loading);
    return loading;
  }

  async #unwrappedUnlessFailed(tenant: string, stored: string): Promise<CachedKey> {
    if (this.#failed.has(stored)) throw this.#failed.get(stored);
    try {
      return await this.#unwrapped(tenant, stored);
    } catch (error) {
      this.#failed.set(stored, error);
      setTimeout(() => this.#failed.delete(stored), FAILED_MS).unref();
      throw error;
    }
  }

  async #read(tenant: string): Promise<CachedKey | null> {
    const stored = await this.#redis.hget(this.#key, tenant);
    const cached = this.#cached.get(tenant);
    this.#cached.delete(tenant);
    if (stored === null) return null;
    const key = cached?.stored === stored ? cached : await this.#unwrappedUnlessFailed(tenant, stored);
    this.#cached.set(tenant, key);
    if (this.#cached.size > MOST_CACHED) {
      const [oldest] = this.#cached.keys();
      if (oldest !== undefined) this.#cached.delete(oldest);
    }
    return key;
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
          const isGone = cached !== undefined && cached === before[place] && cached.stored !== stored[place];
          if (isGone) this.#cached.delete(tenant);
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

  async #unwrapped(tenant: string, stored: string): Promise<CachedKey> {
    const { id, wrapperId, wrapped } = parsed(stored);
    const wrapper = this.#wrappers.get(wrapperId);
    if (wrapper === undefined) throw missingMaster(wrapperId, `the data key of tenant "${tenant}"`);
    try {
      const secret = await wrapper.unwrap(tenant, wrapped);
      if (secret.length !== KEY_BYTES) throw new RangeError(`it has ${secret.length} bytes`);
      return { id, secret, stored };
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

function parsed(stored: string): StoredKey {
  const [id = '', wrapperId = '', wrapped = ''] = stored.split(' ');
  if (id.length !== KEY_ID_LENGTH) throw new ContentUnreadable('altered', 'a data key is malformed');
  return { id, wrapperId, wrapped: Buffer.from(wrapped, 'base64') };
}
