import type { JobRef } from '@millrace/contracts';

/** Every Redis key and channel of a deployment. Nothing else spells one.
 *
 *  All keys of a job share the hash tag `{tenant.id}`, so that a script touches one slot of a cluster and two tenants
 *  with the same job id never meet. The registry has a hash tag of its own, and so has the queue.
 *  @see docs/laws.md, laws 13 and 14 */
export class KeySpace {
  /** BullMQ's own prefix: `{<prefix>:queue}` */
  readonly queuePrefix: string;
  /** channel: a job was closed by somebody other than its worker; message: the job's reference */
  readonly control: string;
  /** hash: pipeline name → when a worker last announced it, ms since the epoch; `@<worker>` → all its pipelines, JSON */
  readonly pipelines: string;
  /** string each, `<this>:<tenant>`: how many requests the tenant has sent since its present minute began */
  readonly requestCounts: string;
  readonly #prefix: string;
  readonly #registry: string;

  /** @param prefix of letters, digits, `:`, `_` and `-`; two deployments on one Redis differ by it */
  constructor(prefix: string) {
    this.#prefix = prefix;
    this.#registry = `{${prefix}:registry}`;
    this.queuePrefix = `{${prefix}:queue}`;
    this.control = `${prefix}:control`;
    this.pipelines = `${prefix}:{pipelines}`;
    this.requestCounts = `${prefix}:requests`;
  }

  /** hash: all that is known of a job except its events */
  record(ref: JobRef): string {
    return `${this.#prefix}:{${ref}}:record`;
  }

  /** stream: the job's events, entry id = event id, one field: type → data */
  log(ref: JobRef): string {
    return `${this.#prefix}:{${ref}}:log`;
  }

  /** channel: what `append` and the other job scripts stored, in the form that event-batch.ts reads */
  channel(ref: JobRef): string {
    return `${this.#prefix}:{${ref}}:live`;
  }

  /** hash: tenant → its data key, `<key id> <master key id> <wrapped key in base64>` */
  get dataKeys(): string {
    return `{${this.#prefix}:encryption}:data-keys`;
  }

  /** string: exists for a while after the job was erased, so that nobody puts it back from the archive */
  erased(ref: JobRef): string {
    return `${this.#prefix}:{${ref}}:erased`;
  }

  /** stream: what a node that thaws the job has read of its log so far
   *  @param token of this one thaw */
  thawing(ref: JobRef, token: string): string {
    return `${this.#prefix}:{${ref}}:thawing:${token}`;
  }

  /** KEYS of a job's scripts */
  ofJob(ref: JobRef): [record: string, log: string, channel: string] {
    return [this.record(ref), this.log(ref), this.channel(ref)];
  }

  /** string: the id of the job that a tenant's idempotency key stands for */
  idempotency(tenant: string, digest: string): string {
    return `${this.#prefix}:{${tenant}:idempotency:${digest}}`;
  }

  /** sorted set of references by arrival (µs), like every list below that does not say otherwise */
  get openJobs(): string {
    return `${this.#registry}:open`;
  }

  /** by fair turn: the order in which workers get them */
  get queuedJobs(): string {
    return `${this.#registry}:queued`;
  }

  get allJobs(): string {
    return `${this.#registry}:jobs`;
  }

  /** `<id>/<tenant>`, all of score 0: the tenants that hold an id are neighbours */
  get holders(): string {
    return `${this.#registry}:holders`;
  }

  /** by fair turn */
  openJobsOf(tenant: string): string {
    return `${this.#registry}:tenant:${tenant}:open`;
  }

  jobsOf(tenant: string): string {
    return `${this.#registry}:tenant:${tenant}:jobs`;
  }

  /** jobs that name a thread, whether they have had their turn in it or not */
  jobsOfThread(tenant: string, threadId: string): string {
    return `${this.#registry}:tenant:${tenant}:thread:${threadId}`;
  }

  /** hash: reference → bytes that the job has in Redis, and `total` */
  storedBytesOf(tenant: string): string {
    return `${this.#registry}:tenant:${tenant}:stored`;
  }

  /** hash: reference → what the ledger has counted of the job, JSON; the sums of a day are beside it. @see usageOfDay */
  usageOf(tenant: string): string {
    return `${this.#registry}:tenant:${tenant}:usage`;
  }

  /** hash: what a tenant's jobs have used; the scripts make this key from {@link usageOf}
   *  @param day days since 1970, UTC */
  usageOfDay(tenant: string, day: number): string {
    return `${this.usageOf(tenant)}:${day}`;
  }

  /** by the last day on which something was counted */
  get tenantsWithUsage(): string {
    return `${this.#registry}:usage-tenants`;
  }

  /** ended jobs of which an attempt is not in the ledger yet, by when they ended (ms) */
  get unsettledJobs(): string {
    return `${this.#registry}:unsettled`;
  }

  /** set of references: jobs that hold a slot of a worker, while tenants share the slots */
  runningJobsOf(tenant: string): string {
    return `${this.#registry}:tenant:${tenant}:running`;
  }

  /** by fair turn: queued jobs that wait for a slot of their tenant's share, outside the queue */
  parkedJobsOf(tenant: string): string {
    return `${this.#registry}:tenant:${tenant}:parked`;
  }

  /** ended jobs, by when their record expires (ms) */
  get expiringJobs(): string {
    return `${this.#registry}:expiring`;
  }

  /** ended jobs whose log expires before their record, by when (ms) */
  get expiringLogs(): string {
    return `${this.#registry}:expiring-logs`;
  }

  /** ended jobs that are still to be written to the archive, by when they ended (ms) */
  get unarchivedJobs(): string {
    return `${this.#registry}:unarchived`;
  }

  /** jobs that a worker is just writing to the archive, by when its lease ends (ms) */
  get archivingJobs(): string {
    return `${this.#registry}:archiving`;
  }

  /** erased jobs whose copies in the archive may still be there, by when a worker looks after them (ms) */
  get erasedCopies(): string {
    return `${this.#registry}:erased-copies`;
  }

  /** tenants whose copies in the archive are to be erased, by when they were erased (ms) */
  get erasedTenants(): string {
    return `${this.#registry}:erased-tenants`;
  }

  /** jobs that are in Redis again for a while, or are just read from the archive, by when they leave (ms) */
  get thawedJobs(): string {
    return `${this.#registry}:thawed`;
  }

  /** hash: reference → bytes that a thawed job has in Redis, `/<tenant>` → their sum, and `total` */
  get thawedBytes(): string {
    return `${this.#registry}:thawed-bytes`;
  }

  /** string: the latest arrival (µs) of the jobs that the lists have left to the archive */
  get latestLeft(): string {
    return `${this.#registry}:latest-left`;
  }

  /** string: exists while nobody needs to look for what has been in the archive for long enough */
  get archivePurged(): string {
    return `${this.#registry}:archive-purged`;
  }

  /** hash: how far the queue's fair turns have come, see `admit.lua` */
  get fairTurns(): string {
    return `${this.#registry}:fair-turns`;
  }

  /** hash: worker → `<slots> <last seen, ms>` */
  get workers(): string {
    return `${this.#registry}:workers`;
  }

  /** hash: API node → `<open> <granted>`: the tenant's streams, see `share.lua` */
  streamSharesOf(tenant: string): string {
    return `${this.#registry}:tenant:${tenant}:streams`;
  }

  /** hash: API node → last seen, ms: its shares of streams end with it */
  get streamNodes(): string {
    return `${this.#registry}:stream-nodes`;
  }

  /** hash: process → `<seen, ms> <what it tells of itself, JSON>` */
  get reports(): string {
    return `${this.#registry}:reports`;
  }

  /** string: exists while somebody watches, so that processes report more often */
  get watched(): string {
    return `${this.#registry}:watched`;
  }

  /** hash: worker → what it was told to do */
  get orders(): string {
    return `${this.#registry}:orders`;
  }

  /** list: the latest entries of the audit log, newest first, JSON */
  get auditTrail(): string {
    return `${this.#registry}:audit`;
  }

  /** channel: who reads this job? message: `<channel for the answers> <reference>` */
  get readerQuestions(): string {
    return `${this.#prefix}:readers`;
  }

  /** channel: how many readers a node has, of one question; message: `<node> <count>` */
  readerAnswers(question: string): string {
    return `${this.#prefix}:readers:${question}`;
  }

  /** string: how tenants share the slots, see `pickup.lua` */
  get slotPolicy(): string {
    return `${this.#registry}:slot-policy`;
  }

  /** hash: tenant → the limits that an admin has set for it, JSON */
  get limits(): string {
    return `${this.#registry}:limits`;
  }

  /** string: another one after each change of the limits, so that whoever has seen it knows whether its copy is current */
  get limitsVersion(): string {
    return `${this.#registry}:limits-version`;
  }

  /** string: the node that sweeps all open jobs, among those that can read the same formats */
  sweeper(formats: string): string {
    return `${this.#registry}:sweeper:${formats}`;
  }

  /** string: the number of this Redis among the shards, from 0 */
  get shardPlace(): string {
    return `${this.#registry}:shard`;
  }

  /** string: what a node writes to learn whether Redis takes writes, in the slot that every creation writes to */
  get writeProbe(): string {
    return `${this.#registry}:write-probe`;
  }

  /** jobs whose ends are told to a webhook, and were not yet given to the queue of webhooks */
  get webhookJobs(): string {
    return `${this.#registry}:webhooks`;
  }

  /** jobs to cancel when nobody reads them, by deadline (ms) */
  get abandonedJobs(): string {
    return `${this.#registry}:abandoned`;
  }
}
