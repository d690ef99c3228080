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

  /** hash: the checkpoints of a thread and their values, see `lua/shared/checkpoints.lua` */
  checkpoints(ref: ThreadRef): string {
    return `${this.#prefix}:{thread:${ref}}:checkpoints`;
  }

  /** sorted set of names, all of score 0: the order of what `checkpoints` has */
  checkpointIndex(ref: ThreadRef): string {
    return `${this.#prefix}:{thread:${ref}}:checkpoint-index`;
  }

  /** KEYS of the checkpoints' scripts */
  ofCheckpoints(ref: ThreadRef): [record: string, checkpoints: string, index: string] {
    return [this.record(ref), this.checkpoints(ref), this.checkpointIndex(ref)];
  }

  /** matches {@link checkpointIndex} of every thread */
  get everyCheckpointIndex(): string {
    return `${this.#prefix}:{thread:*}:checkpoint-index`;
  }

  /** @returns the thread whose checkpoint index this is */
  threadOf(checkpointIndex: string): ThreadRef {
    const beginning = `${this.#prefix}:{thread:`.length;
    return checkpointIndex.slice(beginning, -'}:checkpoint-index'.length) as ThreadRef;
  }

  /** KEYS of the scripts of a tenant's store: hash of items, sorted set of their names */
  ofStore(tenant: string): [items: string, index: string] {
    return [`${this.#prefix}:{store:${tenant}}:items`, `${this.#prefix}:{store:${tenant}}:index`];
  }
}
