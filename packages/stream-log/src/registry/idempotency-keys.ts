import { createHash } from 'node:crypto';
import type { LogLimits } from '../log/limits.ts';
import type { KeySpace } from '../redis/keys.ts';
import { type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';

/** Which request id a tenant's idempotency key stands for. */
export class IdempotencyKeys {
  readonly #run: RunScript;
  /** how long a key is remembered after its last use, ms: it must outlive the job that it stands for */
  readonly #retentionMs: number;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: KeySpace,
    limits: Pick<LogLimits, 'recordRetentionMs' | 'unfinishedRetentionMs'>,
  ) {
    this.#run = scriptsOf(redis);
    this.#retentionMs = limits.unfinishedRetentionMs + limits.recordRetentionMs;
  }

  /** @returns the id that the key stands for; null for a new key. Writes nothing. */
  find(tenant: string, key: string): Promise<string | null> {
    return this.redis.get(this.#name(tenant, key));
  }

  /** Remembers a key from now on as long as a new one.
   *  @returns the id that the key stands for; null for a new key, of which nothing is written */
  renew(tenant: string, key: string): Promise<string | null> {
    return this.redis.getex(this.#name(tenant, key), 'PX', this.#retentionMs);
  }

  /** Whoever comes first decides; all others get the same id, at once or later.
   *  @param candidate the id it shall stand for if it is new */
  async claim(tenant: string, key: string, candidate: string): Promise<string> {
    const name = this.#name(tenant, key);
    const held = await this.redis.set(name, candidate, 'PX', this.#retentionMs, 'NX', 'GET');
    if (held === null) return candidate;
    await this.redis.pexpire(name, this.#retentionMs);
    return held;
  }

  /** Lets go of a key whose request was refused, unless it stands for another id. */
  async unclaim(tenant: string, key: string, id: string): Promise<void> {
    await this.#run('unclaim', [this.#name(tenant, key)], [id]);
  }

  #name(tenant: string, key: string): string {
    return this.keys.idempotency(tenant, createHash('sha256').update(`${tenant}\0${key}`).digest('base64url'));
  }
}
