import { setTimeout as delay } from 'node:timers/promises';
import type { ArchivedJobs } from '@millrace/archive';
import { idOf, type JobRef, tenantOf } from '@millrace/contracts';
import {
  type AbandonedJobs,
  ContentUnreadable,
  type FairQueue,
  type IdempotencyKeys,
  isFinished,
  type JobEraser,
  type JobOutline,
  type JobReader,
  type Shards,
  type UsageSettlement,
} from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import {
  ABANDONED_JOBS,
  ARCHIVED_JOBS,
  FAIR_QUEUE,
  IDEMPOTENCY_KEYS,
  JOB_ERASER,
  JOB_READER,
  SHARDS,
  USAGE_SETTLEMENT,
} from '../../tokens.ts';
import { JobQueue } from '../queue/job-queue.ts';

/** How long to wait for the worker of a cancelled job to report what it has used, and how often to look, milliseconds. */
const REPORT_MS = 1_000;
const LOOK_MS = 50;

/** A worker that has not reported this long after the cancel is gone, milliseconds. */
const REPORTED_MS = 5_000;

/** What must be known of a job to erase it. */
export interface ErasableJob {
  readonly ref: JobRef;
  readonly threadId: string | null;
  readonly idempotencyDigest: string | null;
}

/** Erases jobs: record, log, the copy in the archive, and what registry, queue and idempotency keys know of them. The record goes before what names the job in
 *  registry and queue: what a crash leaves of that, the sweep drops. The idempotency key goes before the record, which alone knows
 *  it; one whose record has expired is left to its own expiry, or the erasure of its tenant. */
@Injectable()
export class JobErasure {
  constructor(
    @Inject(JOB_ERASER) private readonly eraser: JobEraser,
    @Inject(FAIR_QUEUE) private readonly fairQueue: FairQueue,
    @Inject(IDEMPOTENCY_KEYS) private readonly idempotencyKeys: IdempotencyKeys,
    @Inject(ABANDONED_JOBS) private readonly abandoned: Pick<AbandonedJobs, 'remove'>,
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(USAGE_SETTLEMENT) private readonly settlement: UsageSettlement,
    @Inject(JobQueue) private readonly queue: JobQueue,
    @Inject(ARCHIVED_JOBS) private readonly archived: ArchivedJobs | null,
    @Inject(SHARDS) private readonly shards: Shards,
  ) {}

  /** Erases a job that its thread refused.
   *  @returns false: the same request, sent again meanwhile, has placed it, so it stays */
  async refused(job: ErasableJob): Promise<boolean> {
    using _place = await this.#placed(job);
    if (!(await this.eraser.eraseRefused(job.ref))) return false;
    await this.#eraseTraces(job);
    return true;
  }

  /** Erases a job that has ended.
   *  @returns false: it has not */
  async ended(job: ErasableJob): Promise<boolean> {
    using _place = await this.#placed(job);
    // what it has used stays in the ledger, and can be learned from its record and log only
    const outline = await this.reader.outline(job.ref);
    if (outline !== null && isFinished(outline.status)) {
      await this.#settle(await this.#reported(outline));
      await this.#unreserve(outline);
    }
    // first: a worker that is just writing it to the archive then erases its copy, and nobody puts it back
    await this.archived?.beginErasure(job.ref);
    if (!(await this.eraser.eraseEnded(job.ref))) {
      await this.archived?.abandonErasure(job.ref);
      return false;
    }
    await Promise.all([
      this.#eraseTraces(job),
      this.fairQueue.freeSlot(job.ref),
      this.abandoned.remove(job.ref),
      this.queue.erase(job.ref),
    ]);
    // last: what reads it from Redis to write it has nothing to read any more
    await this.archived?.erase(job.ref);
    return true;
  }

  /** Remembers where the job is until all of it is gone: its record, which tells, goes before the rest. */
  async #placed({ ref }: ErasableJob): Promise<Disposable> {
    return this.shards.pin(ref, await this.shards.ofJob(ref));
  }

  /** Waits for the last attempt of a job that was just cancelled to report: once the job is erased, an estimate could not be put
   *  right. */
  async #reported(job: JobOutline): Promise<JobOutline> {
    const { ref, status, attempt, finishedAt } = job;
    if (status !== 'cancelled' || attempt === 0 || Date.now() - (finishedAt ?? 0) > REPORTED_MS) return job;
    const deadline = performance.now() + REPORT_MS;
    let latest = job;
    while (!latest.attemptUsage.has(attempt) && performance.now() < deadline) {
      await delay(LOOK_MS);
      latest = (await this.reader.outline(ref)) ?? latest;
    }
    return latest;
  }

  /** What cannot be decrypted now must not keep a job from being erased: an estimate is lost, if there was to be one. */
  async #settle(job: JobOutline): Promise<void> {
    try {
      await this.settlement.settle(job);
    } catch (error) {
      if (!(error instanceof ContentUnreadable)) throw error;
    }
  }

  /** The idempotency key once more: the same request, sent again meanwhile, may have reserved it. */
  async #eraseTraces(job: ErasableJob): Promise<void> {
    await Promise.all([this.fairQueue.dropAdmission(job.ref, job.threadId), this.#unreserve(job)]);
  }

  async #unreserve({ ref, idempotencyDigest: digest }: ErasableJob): Promise<void> {
    if (digest !== null) await this.idempotencyKeys.unreserve(tenantOf(ref), digest, idOf(ref));
  }
}
