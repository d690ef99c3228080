import {
  type EventId,
  eventId,
  type JobRef,
  type JobRequest,
  type JobStatus,
  jobRef,
  type OnBusy,
  reservedTokensOf,
} from '@millrace/contracts';
import {
  digestOf,
  type FairQueue,
  type IdempotencyKeys,
  IdempotencyMismatch,
  type JobOpener,
  type JobOutline,
  type JobReader,
  NewJob,
  requireContents,
  type WebhookJobs,
} from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { QueueFull, StorageFull, TokensUsedUp, TooManyJobs, Unavailable } from '../http/problem.ts';
import { FAIR_QUEUE, IDEMPOTENCY_KEYS, JOB_OPENER, JOB_READER, WEBHOOK_JOBS } from '../tokens.ts';
import { JobFinder } from './job-finder.ts';
import type { ResolvedRequest } from './resolve-request.ts';
import { SharedLimits } from './shared-limits.ts';

/** A request that becomes a job, unless it is one already. */
export interface Submission {
  readonly tenant: string;
  readonly jobId: string;
  readonly fingerprint: string;
  /** gives the request of a new job, or refuses it. A repeated request is not asked: it was accepted before */
  readonly resolve: () => Promise<ResolvedRequest>;
  readonly metadata: Readonly<Record<string, string>>;
  /** stands for `jobId`, unless it already stands for another id; null: none was sent */
  readonly idempotencyKey: string | null;
  /** W3C trace context of the request */
  readonly traceparent: string | undefined;
  /** false if nobody else can know the id, which saves a read of the record */
  readonly mayExist: boolean;
  /** whether an idempotency key stands for the id: then there was a job, which may have left Redis for the archive */
  readonly isHeld?: boolean;
  /** what must resolve before the job is recorded */
  readonly ready?: Promise<void> | undefined;
  /** called before a job is recorded: from then on there may be one */
  readonly recording?: (() => void) | undefined;
  /** called when there is one already */
  readonly found?: (() => void) | undefined;
}

/** A new job, or the one that was found. */
export interface AcceptedJob {
  readonly ref: JobRef;
  readonly jobId: string;
  readonly status: JobStatus;
  readonly attempt: number;
  readonly lastEventId: EventId;
  readonly pipeline: string;
  readonly model: string;
  readonly threadId: string | null;
  readonly onBusy: OnBusy;
  /** whether it answers the interrupt of its thread */
  readonly resumes: boolean;
  /** the job of its thread that it continues; null: whichever was last */
  readonly continues: string | null;
  /** of a new job: digest of the questions that it answers */
  readonly answers?: string | undefined;
  /** how long after its creation it starts, at the earliest, milliseconds */
  readonly delayMs: number;
  /** digest of the idempotency key that stands for it; null for none */
  readonly idempotencyDigest: string | null;
  readonly onDisconnect: 'continue' | 'cancel';
  readonly metadata: Readonly<Record<string, string>>;
  /** of the request that made it; null for none */
  readonly traceparent: string | null;
  /** ms since the epoch, by Redis's clock */
  readonly createdAt: number;
  /** its priority in the queue while it is queued. @see FairQueue */
  readonly priority: number;
  /** false: the same request was accepted before */
  readonly isNew: boolean;
}

/** Admits a job and then records it, in this order, so that a sweep finds every recorded job (law 15). A refused request
 *  leaves nothing behind, because its idempotency key is written after the admission. */
@Injectable()
export class Intake {
  constructor(
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(FAIR_QUEUE) private readonly fairQueue: FairQueue,
    @Inject(JOB_OPENER) private readonly opener: JobOpener,
    @Inject(IDEMPOTENCY_KEYS) private readonly idempotencyKeys: IdempotencyKeys,
    @Inject(SharedLimits) private readonly limits: SharedLimits,
    @Inject(WEBHOOK_JOBS) private readonly webhookJobs: WebhookJobs,
    @Inject(JobFinder) private readonly finder: JobFinder,
  ) {}

  /** @throws QueueFull, TooManyJobs, StorageFull
   *  @throws ContentUnreadable the key of the tenant cannot be had now
   *  @throws IdempotencyMismatch the id stands for another body
   *  @throws ArchiveUnavailable
   *  @throws what `resolve` and `ready` reject with */
  async accept(submission: Submission): Promise<AcceptedJob> {
    const { tenant, jobId, fingerprint, resolve, metadata, traceparent, mayExist, idempotencyKey } = submission;
    const ref = jobRef(tenant, jobId);
    // limits apply to new work only: a repeated request always gets its job
    const reader = submission.isHeld ? this.finder : this.reader;
    const known = mayExist ? await reader.outline(ref) : null;
    if (known !== null) {
      submission.found?.();
      requireContents(known);
      if (!(await this.opener.isMadeBy(known, fingerprint))) throw new IdempotencyMismatch(ref);
      const heldId = await this.#heldBy(submission);
      return heldId === jobId ? this.#found(known) : this.accept({ ...submission, jobId: heldId });
    }
    const { request, answers } = await resolve();
    const idempotencyDigest = idempotencyKey === null ? null : digestOf(tenant, idempotencyKey);
    const sealer = await this.opener.sealerOf(ref);
    const job = new NewJob({ ref, fingerprint, request, metadata, traceparent, idempotencyDigest }, sealer);
    const priority = await this.#admit(job, submission);
    const heldId = await this.#claim(submission);
    if (heldId !== jobId) {
      submission.found?.();
      // The same key was sent twice at once, and this request came second. If others can know its id, one of them may be
      // recording the job now: the sweep keeps or drops the admission.
      if (!mayExist) await this.fairQueue.dropAdmission(ref, request.threadId);
      return this.accept({ ...submission, jobId: heldId, mayExist: true, ready: undefined });
    }
    if (request.webhook !== undefined) await this.webhookJobs.note(ref);
    submission.recording?.();
    const createdAt = await this.#open(job, submission);
    if (createdAt === null) return this.#existing(ref);
    return {
      ...{ ref, jobId, status: 'queued', attempt: 0, lastEventId: eventId(0, 1), createdAt, priority, isNew: true },
      ...traitsOf(request),
      ...{ threadId: request.threadId ?? null, onBusy: request.onBusy ?? 'enqueue' },
      continues: request.continues ?? null,
      ...{ resumes: request.resume !== undefined, answers, delayMs: request.delayMs ?? 0, idempotencyDigest },
      metadata,
      traceparent: traceparent ?? null,
    };
  }

  async #existing(ref: JobRef): Promise<AcceptedJob> {
    const outline = await this.reader.outline(ref);
    if (outline === null) throw new Unavailable(); // it expired just now; another try makes a new job
    return this.#found(outline);
  }

  async #found(job: JobOutline): Promise<AcceptedJob> {
    const { ref, jobId, status, attempt, lastEventId, createdAt, threadId, onBusy, resumes, delayMs, continues } = job;
    const { idempotencyDigest, metadata, traceparent } = job;
    return {
      ...{ ref, jobId, status, attempt, lastEventId, createdAt },
      ...{ threadId, onBusy, resumes, continues, delayMs, idempotencyDigest, metadata, traceparent },
      ...traitsOf(job),
      priority: await this.fairQueue.priorityOf(job),
      isNew: false,
    };
  }

  /** @returns its priority in the queue */
  async #admit(job: NewJob, { mayExist, ready }: Submission): Promise<number> {
    const { ref, keptBytes, requestBytes } = job;
    const { threadId } = job.request;
    const reservedTokens = reservedTokensOf(job.request, job.promptTokens);
    const limits = await this.limits.of(job);
    const { whole, exact } = limits;
    const admission = this.fairQueue.admit(
      { ref, keptBytes, requestBytes, threadId, metered: { ...job.request, reservedTokens } },
      limits,
    );
    // side by side, so that the confirmation costs no time
    const [verdict, readiness] = await Promise.allSettled([admission, ready]);
    if (verdict.status === 'rejected') throw verdict.reason;
    switch (verdict.value.outcome) {
      case 'queue-full':
        throw new QueueFull();
      case 'too-many-jobs':
        throw new TooManyJobs(whole.queuedJobs);
      case 'too-many-bytes':
        throw new StorageFull(whole.storedBytes, exact.storedBytes);
      case 'too-many-tokens':
        throw new TokensUsedUp({
          ...{ needed: reservedTokens, left: verdict.value.left, max: whole.tokensPerDay ?? 0 },
          everywhere: exact.tokensPerDay,
        });
      case 'admitted':
        if (readiness.status === 'fulfilled') return verdict.value.priority;
        if (!mayExist) await this.fairQueue.dropAdmission(job.ref, job.request.threadId);
        throw readiness.reason;
    }
  }

  /** What to say once all shards have refused a job, each with what is left of its own share.
   *  @param refusal of the last one */
  async refusedByAll(ref: JobRef, refusal: unknown): Promise<unknown> {
    if (!(refusal instanceof TokensUsedUp)) return refusal;
    const { needed, max } = refusal.tokens;
    const left = await this.limits.tokensLeft(ref, max);
    // otherwise no shard has room for it, though all together have
    return left < needed ? new TokensUsedUp({ needed, left, max, everywhere: true }) : refusal;
  }

  /** @returns the id that the key stands for */
  async #claim({ tenant, jobId, idempotencyKey }: Submission): Promise<string> {
    return idempotencyKey === null ? jobId : this.idempotencyKeys.reserve(tenant, idempotencyKey, jobId);
  }

  /** A repeated request writes no new key, because no limit would count it.
   *  @returns the id that the key stands for; the job's own id if the key is new */
  async #heldBy({ tenant, jobId, idempotencyKey }: Submission): Promise<string> {
    return (idempotencyKey === null ? null : await this.idempotencyKeys.renew(tenant, idempotencyKey)) ?? jobId;
  }

  async #open(job: NewJob, { tenant, jobId, idempotencyKey }: Submission): Promise<number | null> {
    try {
      return await this.opener.open(job);
    } catch (error) {
      // Another body was recorded under the id since the read, and the admission belongs to that job. After any other
      // failure the record may exist or not: the sweep keeps or drops the admission.
      if (error instanceof IdempotencyMismatch && idempotencyKey !== null) {
        await this.idempotencyKeys.unreserve(tenant, digestOf(tenant, idempotencyKey), jobId);
      }
      throw error;
    }
  }
}

function traitsOf({ pipeline, model, onDisconnect }: Pick<JobRequest, 'pipeline' | 'model' | 'onDisconnect'>) {
  return { pipeline, model, onDisconnect };
}
