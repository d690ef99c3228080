import type { KeySpace } from '../redis/keys.ts';
import { type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';

/** What a tenant has in Redis beside its jobs, such as threads, counted towards the same limit. */
export class StoredBytes {
  readonly #run: RunScript;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: Pick<KeySpace, 'storedBytesOf'>,
  ) {
    this.#run = scriptsOf(redis);
  }

  /** Stores how many bytes things have now.
   *  @param bytes by name, such as `thread:<id>`, which must not be a job's reference; 0: it is gone
   *  @param retentionMs how long they may stay, milliseconds */
  async keep(tenant: string, bytes: ReadonlyMap<string, number>, retentionMs: number): Promise<void> {
    if (bytes.size === 0) return;
    const pairs = [...bytes].flat();
    await this.#run('keep', [this.keys.storedBytesOf(tenant)], [Math.ceil(retentionMs), ...pairs]);
  }
}
