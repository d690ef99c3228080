/** Every Redis key and channel of a deployment. Nothing else spells one.
 *
 *  All keys of one job share the hash tag `{id}`, so that a script touches one slot of a cluster;
 *  the index has a tag of its own, and so has the queue. @see ARCHITECTURE.md, law 13 */
export class KeySpace {
  /** BullMQ's own prefix: `{<prefix>:queue}` */
  readonly queuePrefix: string;
  /** where a runner hears that somebody else closed its job; message: the request id */
  readonly control: string;
  /** hash: pipeline name → when a worker last announced it, ms since the epoch */
  readonly pipelines: string;
  readonly #prefix: string;
  readonly #index: string;

  /** @param prefix of letters, digits, `:`, `_` and `-`; two deployments on one Redis differ by it */
  constructor(prefix: string) {
    this.#prefix = prefix;
    this.#index = `{${prefix}:index}`;
    this.queuePrefix = `{${prefix}:queue}`;
    this.control = `${prefix}:control`;
    this.pipelines = `${prefix}:{pipelines}`;
  }

  /** hash: all that is known of a job but its events */
  record(id: string): string {
    return `${this.#prefix}:{${id}}:record`;
  }

  /** stream: the job's events, entry id = event id, one field: type → data */
  log(id: string): string {
    return `${this.#prefix}:{${id}}:log`;
  }

  /** channel: what `append` and its siblings stored, as in payload.ts */
  channel(id: string): string {
    return `${this.#prefix}:{${id}}:live`;
  }

  /** KEYS of every script of a job */
  ofJob(id: string): [record: string, log: string, channel: string] {
    return [this.record(id), this.log(id), this.channel(id)];
  }

  /** string: the request id that an idempotency key stands for */
  idempotency(digest: string): string {
    return `${this.#prefix}:{idempotency:${digest}}`;
  }

  /** sorted set of request ids by arrival (µs), as are all that do not say otherwise */
  get openJobs(): string {
    return `${this.#index}:open`;
  }

  /** by turn: the order in which they are taken */
  get queuedJobs(): string {
    return `${this.#index}:queued`;
  }

  get allJobs(): string {
    return `${this.#index}:jobs`;
  }

  /** by turn */
  openJobsOf(tenant: string): string {
    return `${this.#index}:tenant:${tenant}:open`;
  }

  jobsOf(tenant: string): string {
    return `${this.#index}:tenant:${tenant}:jobs`;
  }

  /** ended jobs, `<request id>:<tenant>`, by when their record is gone (ms) */
  get leavingJobs(): string {
    return `${this.#index}:leaving`;
  }

  /** hash: where the turns of the queue stand, see `admit.lua` */
  get turns(): string {
    return `${this.#index}:turns`;
  }

  /** sorted set: jobs to cancel when nobody watches them, scored by the deadline (ms) */
  get abandonedJobs(): string {
    return `${this.#index}:abandoned`;
  }
}
