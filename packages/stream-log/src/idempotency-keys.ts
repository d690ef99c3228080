import { createHash } from 'node:crypto';
import type { KeySpace } from './keys.ts';
import type { LogLimits } from './limits.ts';
import type { RedisConnection } from './scripts.ts';

/** Which request id a client's idempotency key stands for. */
export class IdempotencyKeys {
  /** how long a key is remembered after its last use, ms: it must outlive the job that it stands for */
  readonly #retentionMs: number;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: KeySpace,
    limits: Pick<LogLimits, 'recordRetentionMs' | 'unfinishedRetentionMs'>,
  ) {
    this.#retentionMs = limits.unfinishedRetentionMs + limits.recordRetentionMs;
  }

  /** Whoever comes first decides; all others get the same id, at once or later.
   *  @param candidate the id it shall stand for if it is new */
  async claim(tenant: string, key: string, candidate: string): Promise<string> {
    const digest = createHash('sha256').update(`${tenant}\0${key}`).digest('base64url');
    const name = this.keys.idempotency(digest);
    const held = await this.redis.set(name, candidate, 'PX', this.#retentionMs, 'NX', 'GET');
    if (held === null) return candidate;
    await this.redis.pexpire(name, this.#retentionMs);
    return held;
  }
}
