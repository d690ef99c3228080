import { type JobRef, type JobRequest, type JobStatus, jobRef } from '@millrace/contracts';
import {
  type FairQueue,
  type IdempotencyKeys,
  IdempotencyMismatch,
  type JobOpener,
  type JobOutline,
  type JobReader,
  NewJob,
} from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { QueueFull, RateLimited, StorageFull, Unavailable } from '../http/problem.ts';
import { StoredBytesLimit } from '../quota/stored-bytes-limit.ts';
import type { ApiSettings } from '../settings.ts';
import { FAIR_QUEUE, IDEMPOTENCY_KEYS, JOB_OPENER, JOB_READER, SETTINGS } from '../tokens.ts';

/** A request that is to become a job, unless it is one already. */
export interface Submission {
  readonly tenant: string;
  readonly id: string;
  readonly fingerprint: string;
  readonly request: JobRequest;
  readonly metadata: Readonly<Record<string, string>>;
  /** stands for `id`, unless it stands for another one; null: none was sent */
  readonly idempotencyKey: string | null;
  /** false when nobody else can know the id: saves the look at the record */
  readonly mayExist: boolean;
  /** what has to be there before the job is recorded */
  readonly ready?: Promise<void> | undefined;
}

/** A job as it was taken in, or found. */
export interface TakenJob {
  readonly ref: JobRef;
  readonly id: string;
  readonly status: JobStatus;
  readonly attempt: number;
  readonly pipeline: string;
  readonly onDisconnect: 'continue' | 'cancel';
  /** its place in the queue while it is queued. @see FairQueue */
  readonly priority: number;
  /** false: the same request had been taken before */
  readonly isNew: boolean;
}

/** Counts a job in and records it, in this order: what is recorded is always counted, and a sweep finds it (law 15). A
 *  request that is refused leaves nothing behind: an idempotency key is written after the admission. */
@Injectable()
export class Intake {
  constructor(
    @Inject(SETTINGS) private readonly settings: ApiSettings,
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(FAIR_QUEUE) private readonly fairQueue: FairQueue,
    @Inject(JOB_OPENER) private readonly opener: JobOpener,
    @Inject(IDEMPOTENCY_KEYS) private readonly idempotencyKeys: IdempotencyKeys,
    @Inject(StoredBytesLimit) private readonly storedBytes: StoredBytesLimit,
  ) {}

  /** @throws QueueFull, RateLimited, StorageFull
   *  @throws IdempotencyMismatch another body holds the id
   *  @throws what `ready` does */
  async take(submission: Submission): Promise<TakenJob> {
    const { tenant, id, fingerprint, request, metadata, mayExist } = submission;
    const ref = jobRef(tenant, id);
    // limits are for new work: whoever comes back to a job is never turned away
    const known = mayExist ? await this.reader.outline(ref) : null;
    if (known !== null) {
      if (known.fingerprint !== fingerprint) throw new IdempotencyMismatch(ref);
      const held = await this.#heldBy(submission);
      return held === id ? this.#found(known) : this.take({ ...submission, id: held });
    }
    const job = new NewJob({ ref, fingerprint, request, metadata });
    const priority = await this.#admit(job, submission);
    const held = await this.#claim(submission);
    if (held !== id) {
      // The same key was sent twice at once, and this one came second. Under an id that others can know, one of them may be
      // about to record the job: the sweep looks, and keeps or drops the admission.
      if (!mayExist) await this.fairQueue.dropAdmission(ref);
      return this.take({ ...submission, id: held, mayExist: true, ready: undefined });
    }
    return (await this.#open(job, submission)) === 'opened'
      ? { ...{ ref, id, status: 'queued', attempt: 0, priority, isNew: true }, ...traitsOf(request) }
      : this.#existing(ref);
  }

  async #existing(ref: JobRef): Promise<TakenJob> {
    const outline = await this.reader.outline(ref);
    if (outline === null) throw new Unavailable(); // it expired this very moment; a new try makes a new job
    return this.#found(outline);
  }

  async #found(job: JobOutline): Promise<TakenJob> {
    const { ref, id, status, attempt } = job;
    return { ref, id, status, attempt, ...traitsOf(job), priority: await this.fairQueue.priorityOf(job), isNew: false };
  }

  /** @returns its place in the queue */
  async #admit(job: NewJob, { mayExist, ready }: Submission): Promise<number> {
    const admission = this.fairQueue.admit(job, {
      maxQueued: this.settings.MILLRACE_MAX_QUEUED_JOBS,
      maxOpenPerTenant: this.settings.MILLRACE_MAX_JOBS_PER_TENANT,
      maxStoredBytesPerTenant: this.storedBytes.most,
    });
    // beside the admission the confirmation takes no time of its own
    const [verdict, readiness] = await Promise.allSettled([admission, ready]);
    if (verdict.status === 'rejected') throw verdict.reason;
    switch (verdict.value.outcome) {
      case 'queue-full':
        throw new QueueFull();
      case 'too-many-jobs':
        throw new RateLimited();
      case 'too-many-bytes':
        throw new StorageFull();
      case 'admitted':
        if (readiness.status === 'fulfilled') return verdict.value.priority;
        if (!mayExist) await this.fairQueue.dropAdmission(job.ref);
        throw readiness.reason;
    }
  }

  /** @returns the id that the key stands for */
  async #claim({ tenant, id, idempotencyKey }: Submission): Promise<string> {
    return idempotencyKey === null ? id : this.idempotencyKeys.claim(tenant, idempotencyKey, id);
  }

  /** Whoever comes back to a job writes nothing: keys that stand for no work would count for nobody.
   *  @returns the id that the key stands for; the job's own where it is a new key */
  async #heldBy({ tenant, id, idempotencyKey }: Submission): Promise<string> {
    return (idempotencyKey === null ? null : await this.idempotencyKeys.renew(tenant, idempotencyKey)) ?? id;
  }

  async #open(job: NewJob, { tenant, id, idempotencyKey }: Submission): Promise<'opened' | 'existing'> {
    try {
      return await this.opener.open(job);
    } catch (error) {
      // Another body was recorded under the id since it was looked for; the admission is that job's. After any other
      // failure the record may be there or not: the sweep looks, and keeps or drops the admission.
      if (error instanceof IdempotencyMismatch && idempotencyKey !== null) {
        await this.idempotencyKeys.unclaim(tenant, idempotencyKey, id);
      }
      throw error;
    }
  }
}

function traitsOf({ pipeline, onDisconnect }: Pick<JobRequest, 'pipeline' | 'onDisconnect'>) {
  return { pipeline, onDisconnect };
}
