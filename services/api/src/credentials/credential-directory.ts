import { randomInt } from 'node:crypto';
import type { Logger } from '@millrace/runtime';
import type { RedisConnection } from '@millrace/stream-log';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { ChainableCommander } from 'ioredis';
import { z } from 'zod';
import { ROLES } from '../api-keys.ts';
import type { RevocationListener, Revocations } from '../auth/revocations.ts';
import type { ApiSettings } from '../settings.ts';
import { LOGGER, REDIS, SETTINGS } from '../tokens.ts';
import { AccessKeys } from './access-keys.ts';

/** How often a node looks for changes, milliseconds: a revoked credential must not hold for 2 s more on any node. */
const POLL_MS = 500;
/** Ended credentials that a node remembers by name. */
const MAX_ENDED = 10_000;
/** How often the last uses of keys are written down, milliseconds. */
const USES_MS = 10_000;

const issuedKeySchema = z.object({
  digest: z.string(),
  tenant: z.string(),
  role: z.enum(ROLES),
  name: z.string().nullable(),
  createdAt: z.number(),
  expiresAt: z.number().nullable(),
});

/** A key that was made at run time, without its secret. Times: ms since the epoch. */
export interface IssuedKey extends z.output<typeof issuedKeySchema> {
  readonly id: string;
}

interface Copy {
  /** as in Redis; null: nothing was ever changed */
  readonly version: string | null;
  readonly byDigest: ReadonlyMap<string, IssuedKey>;
  readonly revokedTokens: ReadonlySet<string>;
}

/** The issued keys and the revoked tokens: kept in Redis, with a copy on each node, which follows within a second. */
@Injectable()
export class CredentialDirectory implements Revocations, OnApplicationShutdown {
  readonly #keys: AccessKeys;
  readonly #listeners = new Set<RevocationListener>();
  readonly #uses = new Map<string, number>();
  /** ids of credentials that have ended while this node ran */
  readonly #ended = new Set<string>();
  #copy: Copy | null = null;
  readonly #timers: readonly NodeJS.Timeout[];

  constructor(
    @Inject(REDIS) private readonly redis: RedisConnection,
    @Inject(SETTINGS) settings: ApiSettings,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#keys = new AccessKeys(settings.MILLRACE_KEY_PREFIX);
    this.#timers = [every(POLL_MS, () => this.#current()), every(USES_MS, () => this.#storeUses())];
  }

  onRevoked(listener: RevocationListener): void {
    this.#listeners.add(listener);
  }

  hasEnded(id: string): boolean {
    return this.#ended.has(id);
  }

  /** @returns the key, also one that another node made a moment ago; null: there is none, or it has expired */
  async findKey(digest: string): Promise<IssuedKey | null> {
    const known = this.#copy?.byDigest.get(digest) ?? (await this.#current()).byDigest.get(digest);
    if (known === undefined || (known.expiresAt !== null && known.expiresAt <= Date.now())) return null;
    this.#uses.set(known.id, Date.now());
    return known;
  }

  /** @returns whether there is an issued key with this id, also one that another node made a moment ago */
  async hasKey(id: string): Promise<boolean> {
    const find = ({ byDigest }: Copy) => [...byDigest.values()].find((key) => key.id === id);
    const key = (this.#copy && find(this.#copy)) ?? find(await this.#current());
    return key !== undefined && (key.expiresAt === null || key.expiresAt > Date.now());
  }

  async isRevoked(tokenId: string): Promise<boolean> {
    return (this.#copy ?? (await this.#current())).revokedTokens.has(tokenId);
  }

  /** @returns how many revoked tokens this node knows whose id begins so */
  revokedWith(beginning: string): number {
    let count = 0;
    for (const id of this.#copy?.revokedTokens ?? []) if (id.startsWith(beginning)) count += 1;
    return count;
  }

  async addKey({ id, ...key }: IssuedKey): Promise<void> {
    await this.#change((change) => change.hset(this.#keys.issuedKeys, id, JSON.stringify(key)));
  }

  /** @returns the key that was removed; null: there was none */
  async removeKey(id: string): Promise<IssuedKey | null> {
    const { issuedKeys, uses } = this.#keys;
    this.#uses.delete(id);
    const [json] = await this.#change((change) => change.hget(issuedKeys, id).hdel(issuedKeys, id).hdel(uses, id));
    return typeof json === 'string' ? parsedKey(id, json) : null;
  }

  /** Ends the life of a token, whether there is one or not. Harmless when repeated.
   *  @param expiresAt after which it would not hold anyway, ms since the epoch */
  async revokeToken(id: string, expiresAt: number): Promise<void> {
    const { revokedTokens } = this.#keys;
    await this.#change((change) =>
      change.zadd(revokedTokens, expiresAt, id).zremrangebyscore(revokedTokens, '-inf', Date.now()),
    );
  }

  /** @returns all issued keys, the newest first, with when they were last used (ms since the epoch; null: never) */
  async listKeys(): Promise<(IssuedKey & { lastUsedAt: number | null })[]> {
    await this.#storeUses();
    const [{ byDigest }, uses] = await Promise.all([this.#current(), this.redis.hgetall(this.#keys.uses)]);
    const keys = [...byDigest.values()].map((key) => ({ ...key, lastUsedAt: Number(uses[key.id]) || null }));
    return keys.toSorted((one, other) => other.createdAt - one.createdAt);
  }

  /** The secret that signs tokens, the same on all nodes: made by the first that needs one. */
  async tokenSecret(make: () => string): Promise<string> {
    await this.redis.set(this.#keys.tokenSecret, make(), 'NX');
    return (await this.redis.get(this.#keys.tokenSecret)) ?? this.tokenSecret(make);
  }

  async onApplicationShutdown(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#storeUses().catch(() => {
      // the last use of a key is a hint to people, no more
    });
  }

  /** Applies a change and counts it, in one step.
   *  @returns the replies to its commands */
  async #change(commands: (change: ChainableCommander) => unknown): Promise<unknown[]> {
    const change = this.redis.multi();
    commands(change);
    // a step of 1 could come to the same number again after Redis has lost it
    const replies = resultsOf(await change.incrby(this.#keys.version, randomInt(1, 2 ** 32)).exec());
    await this.#current();
    return replies;
  }

  /** The copy, as Redis has it now. */
  async #current(): Promise<Copy> {
    const version = await this.redis.get(this.#keys.version);
    return this.#copy?.version === version ? this.#copy : this.#read();
  }

  async #read(): Promise<Copy> {
    const { version, issuedKeys, revokedTokens } = this.#keys;
    const question = this.redis
      .multi()
      .get(version)
      .hgetall(issuedKeys)
      .zrangebyscore(revokedTokens, Date.now(), '+inf');
    const [counted, keys, revoked] = repliesSchema.parse(resultsOf(await question.exec()));
    const issued = Object.entries(keys).flatMap(([id, json]) => this.#readable(id, json) ?? []);
    const byDigest = new Map(issued.map((key) => [key.digest, key]));
    this.#adopt({ version: counted, byDigest, revokedTokens: new Set(revoked) });
    return this.#copy as Copy;
  }

  /** @returns null: the entry of a newer version, for example, which opens nothing here and harms no other */
  #readable(id: string, json: string): IssuedKey | null {
    const key = parsedKey(id, json);
    if (key === null) this.logger.warn({ id }, 'a key in Redis cannot be read: it opens nothing');
    return key;
  }

  #adopt(copy: Copy): void {
    const before = this.#copy;
    this.#copy = copy;
    if (before === null) return;
    const ended = new Set([...copy.revokedTokens].filter((id) => !before.revokedTokens.has(id)));
    for (const { id, digest } of before.byDigest.values()) if (!copy.byDigest.has(digest)) ended.add(id);
    for (const id of ended) this.#ended.add(id);
    // long ago: no request is still on its way from its check to its stream
    for (const id of this.#ended) {
      if (this.#ended.size <= MAX_ENDED) break;
      this.#ended.delete(id);
    }
    if (ended.size > 0) for (const listener of this.#listeners) listener(ended);
  }

  async #storeUses(): Promise<void> {
    const uses = [...this.#uses];
    this.#uses.clear();
    if (uses.length > 0) await this.redis.hset(this.#keys.uses, new Map(uses));
  }
}

/** @returns null: it is no key that this version knows */
function parsedKey(id: string, json: string): IssuedKey | null {
  try {
    return { id, ...issuedKeySchema.parse(JSON.parse(json)) };
  } catch {
    return null; // the caller reports it
  }
}

function every(ms: number, run: () => Promise<unknown>): NodeJS.Timeout {
  const attempt = () => {
    run().catch(() => {
      // while Redis is away nothing can be revoked; the connection logs its outages
    });
  };
  return setInterval(attempt, ms).unref();
}

const repliesSchema = z.tuple([z.string().nullable(), z.record(z.string(), z.string()), z.array(z.string())]);

/** @throws the first error among the replies of a transaction */
function resultsOf(replies: [Error | null, unknown][] | null): unknown[] {
  return (replies ?? []).map(([error, reply]) => {
    if (error !== null) throw error;
    return reply;
  });
}
