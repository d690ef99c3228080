import type { ThreadRef } from '@millrace/contracts';

/** Every Redis key and channel of the threads of a deployment. All keys of a thread share the hash tag
 *  `{thread:<tenant>.<threadId>}`, so that a script touches one slot of a cluster and no slot of a job.
 *  @see docs/laws.md, laws 13 and 17 */
export class ThreadKeys {
  readonly #prefix: string;

  /** @param prefix of letters, digits, `:`, `_` and `-`; two deployments on one Redis differ by it */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** hash: what is known of a thread */
  record(ref: ThreadRef): string {
    return `${this.#prefix}:{thread:${ref}}:record`;
  }

  /** sorted set: ids of the jobs that have had their turn, by turn (1, 2, …), the active one last. A job gets its number in
   *  the script that makes it the active one, and keeps it when it has ended, so that whoever follows the thread finds the
   *  next job after any other. A job that waits is not in it. */
  jobs(ref: ThreadRef): string {
    return `${this.#prefix}:{thread:${ref}}:jobs`;
  }

  /** channel: another job has the turn, none has, or the thread is gone. Only a wake-up: the record and the jobs say what
   *  has happened. On a cluster it is published with SPUBLISH */
  channel(ref: ThreadRef): string {
    return `${this.#prefix}:{thread:${ref}}:live`;
  }
}
