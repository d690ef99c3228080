import { type CreateJobBody, jobRef } from '@millrace/contracts';
import { type IdempotencyKeys, isFinished, type Place, type Subscribers } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../auth/caller.ts';
import { IDEMPOTENCY_KEYS, SUBSCRIBERS } from '../tokens.ts';
import { fingerprintOf } from './fingerprint.ts';
import { type AcceptedJob, Intake } from './intake.ts';
import { JobQueue } from './queue/job-queue.ts';
import { RequestPolicy } from './request-policy.ts';
import { UnlistedJobs } from './sweep/unlisted-jobs.ts';

export interface CreateJobCommand {
  readonly caller: Caller;
  readonly body: CreateJobBody;
  /** the id of the job, if it is new */
  readonly jobId: string;
  /** whether the client chose the id; otherwise nobody else can know it */
  readonly isChosen: boolean;
  readonly idempotencyKey: string | null;
  /** W3C trace context of the request */
  readonly traceparent: string | undefined;
  /** whether the caller follows the job at once */
  readonly follows: boolean;
}

/** Must be disposed of after the answer. */
export interface CreatedJob extends AcceptedJob, Disposable {
  /** resolves when the job is in the queue. The answer must await it, after its own SUBSCRIBE is sent */
  readonly enqueued: Promise<void>;
  /** of a new job that its creator follows: the answer takes it */
  readonly place: Place | null;
}

/** Stores and queues a job, at most once for each id and idempotency key. @see PROTOCOL.md §2 */
@Injectable()
export class CreateJob {
  constructor(
    @Inject(RequestPolicy) private readonly policy: RequestPolicy,
    @Inject(IDEMPOTENCY_KEYS) private readonly idempotencyKeys: IdempotencyKeys,
    @Inject(Intake) private readonly intake: Intake,
    @Inject(JobQueue) private readonly queue: JobQueue,
    @Inject(UnlistedJobs) private readonly unlistedJobs: UnlistedJobs,
    @Inject(SUBSCRIBERS) private readonly subscribers: Subscribers,
  ) {}

  async run({
    caller,
    body,
    jobId,
    isChosen,
    idempotencyKey,
    traceparent,
    follows,
  }: CreateJobCommand): Promise<CreatedJob> {
    const request = await this.policy.resolve(body, caller);
    const { tenant } = caller;
    // a key stands for the id that it was first sent with
    const heldId = idempotencyKey === null ? null : await this.idempotencyKeys.find(tenant, idempotencyKey);
    const acceptedId = heldId ?? jobId;
    const mayExist = isChosen || heldId !== null;
    // subscribing before the job is stored saves a read, and costs no time beside the admission
    const place = follows && !mayExist ? this.subscribers.expect(jobRef(tenant, acceptedId), request.threadId) : null;
    try {
      const job = await this.intake.accept({
        ...{ tenant, jobId: acceptedId, fingerprint: fingerprintOf(body), request, metadata: body.metadata ?? {} },
        ...{ idempotencyKey, traceparent, mayExist, ready: place?.confirmed },
      });
      const enqueued = this.#enqueue(job);
      enqueued.catch(() => {
        // whoever awaits it gets the error; if nobody does, the sweep queues the job
      });
      // under another id, which the same key had reserved, the reader reads the log
      const own = job.isNew && job.ref === place?.ref ? place : null;
      return { ...job, enqueued, place: own, [Symbol.dispose]: () => place?.[Symbol.dispose]() };
    } catch (error) {
      place?.[Symbol.dispose]();
      throw error;
    }
  }

  async #enqueue(job: AcceptedJob): Promise<void> {
    if (job.isNew) {
      await this.queue.enqueueNew(job);
    } else if (!isFinished(job.status)) {
      // queue and registry may have lost it (law 15); an id is queued at most once
      this.unlistedJobs.note(job.ref);
      await this.queue.enqueue(job);
    }
  }
}
