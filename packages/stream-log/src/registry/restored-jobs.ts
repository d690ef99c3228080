import type { JobRef } from '@millrace/contracts';
import { type JobScripts, jobScripts } from '../log/job-scripts.ts';
import type { LogLimits } from '../log/record.ts';
import type { KeySpace } from '../redis/keys.ts';
import type { RedisConnection } from '../redis/scripts.ts';
import type { JobCatalogue } from './job-catalogue.ts';

/** More attempts than a job has between a backup and the loss of Redis. */
const LEFT_OUT = 1_000;

const BATCH = 200;

/** The unfinished jobs of a backup that was restored. Between the backup and the loss each may have said more, and readers have it:
 *  the next attempt must not say other words under the same ids. */
export class RestoredJobs {
  readonly #scripts: JobScripts;

  /** @param token of the restoration: run again with it, it changes nothing twice */
  constructor(
    redis: RedisConnection,
    keys: KeySpace,
    limits: LogLimits,
    readonly token: string,
  ) {
    this.#scripts = jobScripts(redis, keys, limits);
  }

  /** Renumbers all that the registry lists as unfinished.
   *  @returns how many
   *  @throws NewerFormat a newer version has made one of them, and has to do this */
  async renumber(catalogue: Pick<JobCatalogue, 'open'>): Promise<number> {
    let count = 0;
    for (let cursor: string | undefined; ; ) {
      const page = await catalogue.open({ olderThanMs: 0, limit: BATCH, cursor });
      const outcomes = await Promise.all(page.refs.map((ref) => this.#renumber(ref)));
      count += outcomes.filter(Boolean).length;
      if (page.nextCursor === null) return count;
      cursor = page.nextCursor;
    }
  }

  async #renumber(ref: JobRef): Promise<boolean> {
    const { run, publish, keys, limits } = this.#scripts;
    const args = [publish, limits.unfinishedRetentionMs, LEFT_OUT, this.token];
    return (await run('renumber', keys.ofJob(ref), args)) === 1;
  }
}
