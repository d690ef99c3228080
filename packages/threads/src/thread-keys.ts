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
}
