import { type ThreadRef, tenantOf } from '@millrace/contracts';

/** Every Redis key and channel of the threads of a deployment. All keys of a thread share the hash tag
 *  `{thread:<tenant>.<threadId>}`, so that a script touches one slot of a cluster and no slot of a job. Hints across threads
 *  have a hash tag of their own.
 *  @see docs/laws.md, laws 13 and 17 */
export class ThreadKeys {
  readonly #prefix: string;
  readonly #catalogue: string;

  /** @param prefix of letters, digits, `:`, `_` and `-`; two deployments on one Redis differ by it */
  constructor(prefix: string) {
    this.#prefix = prefix;
    this.#catalogue = `{${prefix}:threads}`;
  }

  /** hash: what is known of a thread, see `lua/shared/thread.lua` */
  record(ref: ThreadRef): string {
    return this.#of(ref, 'record');
  }

  /** channel: another job has the turn, none has, or the thread is gone. Only a wake-up: the record and the jobs say what
   *  has happened. On a cluster it is published with SPUBLISH */
  channel(ref: ThreadRef): string {
    return this.#of(ref, 'live');
  }

  /** string: the token of the fork that is making this thread */
  forking(ref: ThreadRef): string {
    return this.#of(ref, 'forking');
  }

  /** sorted set: ids of the jobs that have had their turn, by turn (1, 2, …), the active one last. A job gets its number in
   *  the script that makes it the active one, and keeps it when it has ended, so that whoever follows the thread finds the
   *  next job after any other. A job that waits is not in it; one that leaves while it waits gets its number then. */
  jobs(ref: ThreadRef): string {
    return this.#of(ref, 'jobs');
  }

  /** list: ids of the jobs that wait for their turn, the next one first */
  waiting(ref: ThreadRef): string {
    return this.#of(ref, 'waiting');
  }

  /** set: ids of the jobs that will enter later */
  expected(ref: ThreadRef): string {
    return this.#of(ref, 'expected');
  }

  /** list: the conversation of jobs that are not of an agent, one message each, oldest first */
  messages(ref: ThreadRef): string {
    return this.#of(ref, 'messages');
  }

  /** hash: the checkpoints of a thread and their values, see `lua/shared/checkpoints.lua` */
  checkpoints(ref: ThreadRef): string {
    return this.#of(ref, 'checkpoints');
  }

  /** sorted set of names, all of score 0: the order of what `checkpoints` has */
  checkpointIndex(ref: ThreadRef): string {
    return this.#of(ref, 'checkpoint-index');
  }

  /** KEYS of a thread's scripts: record, channel and fork, then what expires together with the record. */
  ofThread(ref: ThreadRef): string[] {
    const kept = [this.jobs(ref), this.waiting(ref), this.expected(ref), this.messages(ref)];
    const ofAgents = [this.checkpoints(ref), this.checkpointIndex(ref)];
    return [this.record(ref), this.channel(ref), this.forking(ref), ...kept, ...ofAgents];
  }

  /** sorted set of references: threads that may be busy, by when a job last entered (µs) */
  get busyThreads(): string {
    return `${this.#catalogue}:busy`;
  }

  /** sorted set of references, by when a job last entered or the thread was last seen to be there (µs) */
  get seenThreads(): string {
    return `${this.#catalogue}:seen`;
  }

  /** sorted set of references by creation (µs) */
  get allThreads(): string {
    return `${this.#catalogue}:all`;
  }

  /** `<id>/<tenant>`, all of score 0: the tenants that hold an id are neighbours */
  get holders(): string {
    return `${this.#catalogue}:holders`;
  }

  /** sorted set of references by creation (µs) */
  threadsOf(tenant: string): string {
    return `${this.#catalogue}:tenant:${tenant}`;
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

  /** KEYS of a tenant's store: hash of items; sorted set of their names; on a cluster, while agents write to it, a string: the token
   *  that goes with its erasure */
  ofStore(tenant: string): [items: string, index: string, epoch: string] {
    const names = ['items', 'index', 'epoch'] as const;
    return names.map((name) => `${this.#prefix}:{store:${tenant}}:${name}`) as [string, string, string];
  }

  /** KEYS of the scripts that add and remove a thread's hints */
  listsOf(ref: ThreadRef): string[] {
    const { busyThreads, seenThreads, allThreads, holders } = this;
    return [busyThreads, seenThreads, allThreads, this.threadsOf(tenantOf(ref)), holders];
  }

  #of(ref: ThreadRef, name: string): string {
    return `${this.#prefix}:{thread:${ref}}:${name}`;
  }
}
