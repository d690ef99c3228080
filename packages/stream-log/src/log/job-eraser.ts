import type { JobRef } from '@millrace/contracts';
import type { KeySpace } from '../redis/keys.ts';
import { type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';

/** For how long an erased job is kept out of Redis by name, milliseconds: longer than any thaw takes. */
const BARRED_MS = 120_000;

/** Deletes jobs, record and log together. The registry is cleared apart: it has a slot of its own. */
export class JobEraser {
  readonly #run: RunScript;

  constructor(
    redis: RedisConnection,
    readonly keys: KeySpace,
    readonly options: { readonly archives?: boolean } = {},
  ) {
    this.#run = scriptsOf(redis);
  }

  /** Notes that a job has its place in its thread. From now on {@link eraseRefused} leaves it alone.
   *  @returns false: there is no such job, or no longer */
  async notePlaced(ref: JobRef): Promise<boolean> {
    return (await this.#run('place', [this.keys.record(ref)], [])) === 1;
  }

  /** Deletes a job that was recorded and then refused.
   *  @returns false: the same request, sent again meanwhile, has placed it, so it stays */
  eraseRefused(ref: JobRef): Promise<boolean> {
    return this.#erase(ref, '1');
  }

  /** Deletes a job that has ended.
   *  @returns false: it has not */
  eraseEnded(ref: JobRef): Promise<boolean> {
    return this.#erase(ref, '');
  }

  async #erase(ref: JobRef, refused: string): Promise<boolean> {
    const keys = [this.keys.record(ref), this.keys.log(ref), this.keys.erased(ref)];
    return (await this.#run('erase', keys, [refused, this.options.archives ? BARRED_MS : 0])) === 1;
  }
}
