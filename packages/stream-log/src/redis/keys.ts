import type { JobRef } from '@millrace/contracts';

/** Every Redis key and channel of a deployment. Nothing else spells one.
 *
 *  All keys of one job share the hash tag `{tenant.id}`, so that a script touches one slot of a cluster, and two tenants
 *  that choose the same id never meet; the index has a tag of its own, and so has the queue.
 *  @see docs/laws.md, laws 13 and 14 */
export class KeySpace {
  /** BullMQ's own prefix: `{<prefix>:queue}` */
  readonly queuePrefix: string;
  /** where a runner hears that somebody else closed its job; message: the job's reference */
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
  record(ref: JobRef): string {
    return `${this.#prefix}:{${ref}}:record`;
  }

  /** stream: the job's events, entry id = event id, one field: type → data */
  log(ref: JobRef): string {
    return `${this.#prefix}:{${ref}}:log`;
  }

  /** channel: what `append` and its siblings stored, as in payload.ts */
  channel(ref: JobRef): string {
    return `${this.#prefix}:{${ref}}:live`;
  }

  /** KEYS of every script of a job */
  ofJob(ref: JobRef): [record: string, log: string, channel: string] {
    return [this.record(ref), this.log(ref), this.channel(ref)];
  }

  /** string: the request id that a tenant's idempotency key stands for */
  idempotency(tenant: string, digest: string): string {
    return `${this.#prefix}:{${tenant}:idempotency:${digest}}`;
  }

  /** sorted set of references by arrival (µs), as are all that do not say otherwise */
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

  /** `<id>/<tenant>`, all of score 0: the tenants that hold an id are neighbours */
  get holders(): string {
    return `${this.#index}:holders`;
  }

  /** by turn */
  openJobsOf(tenant: string): string {
    return `${this.#index}:tenant:${tenant}:open`;
  }

  jobsOf(tenant: string): string {
    return `${this.#index}:tenant:${tenant}:jobs`;
  }

  /** hash: reference → bytes that the job has in Redis, and `total` */
  storedBytesOf(tenant: string): string {
    return `${this.#index}:tenant:${tenant}:stored`;
  }

  /** set of references: jobs that hold a slot of a worker, while slots are shared out */
  runningJobsOf(tenant: string): string {
    return `${this.#index}:tenant:${tenant}:running`;
  }

  /** by turn: queued jobs that wait for a slot of their tenant's share, outside the queue */
  parkedJobsOf(tenant: string): string {
    return `${this.#index}:tenant:${tenant}:parked`;
  }

  /** ended jobs, by when their record is gone (ms) */
  get leavingJobs(): string {
    return `${this.#index}:leaving`;
  }

  /** ended jobs whose log goes before their record, by when (ms) */
  get leavingLogs(): string {
    return `${this.#index}:leaving-logs`;
  }

  /** hash: where the turns of the queue stand, see `admit.lua` */
  get turns(): string {
    return `${this.#index}:turns`;
  }

  /** hash: worker → `<slots> <last seen, ms>` */
  get workers(): string {
    return `${this.#index}:workers`;
  }

  /** string: how slots are shared out, see `pickup.lua` */
  get slotPolicy(): string {
    return `${this.#index}:slot-policy`;
  }

  /** string: what a node writes to learn whether Redis takes writes, in the slot that every creation writes to */
  get writeProbe(): string {
    return `${this.#index}:write-probe`;
  }

  /** sorted set: jobs to cancel when nobody watches them, scored by the deadline (ms) */
  get abandonedJobs(): string {
    return `${this.#index}:abandoned`;
  }
}
