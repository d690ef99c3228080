import { type CreateJobBody, jobRef } from '@millrace/contracts';
import { type Followers, type IdempotencyKeys, isFinished } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../auth/caller.ts';
import { FOLLOWERS, IDEMPOTENCY_KEYS } from '../tokens.ts';
import { fingerprintOf } from './fingerprint.ts';
import { Intake, type TakenJob } from './intake.ts';
import { JobQueue } from './queue/job-queue.ts';
import { RequestPolicy } from './request-policy.ts';
import { AskedFor } from './sweep/unlisted-jobs.ts';

export interface CreateJobCommand {
  readonly caller: Caller;
  readonly body: CreateJobBody;
  readonly requestId: string;
  /** the client chose the id; otherwise nobody else can know it */
  readonly isChosen: boolean;
  readonly idempotencyKey: string | null;
  /** the caller follows the job at once */
  readonly follows: boolean;
}

/** To be disposed of when it has been answered. */
export interface CreatedJob extends TakenJob, Disposable {
  /** resolves when the job is in the queue: whoever answers awaits it, after having sent its own SUBSCRIBE */
  readonly enqueued: Promise<void>;
}

/** Takes a request in, at most once per id and key. @see PROTOCOL.md §2 */
@Injectable()
export class CreateJob {
  constructor(
    @Inject(RequestPolicy) private readonly policy: RequestPolicy,
    @Inject(IDEMPOTENCY_KEYS) private readonly idempotencyKeys: IdempotencyKeys,
    @Inject(Intake) private readonly intake: Intake,
    @Inject(JobQueue) private readonly queue: JobQueue,
    @Inject(AskedFor) private readonly askedFor: AskedFor,
    @Inject(FOLLOWERS) private readonly followers: Followers,
  ) {}

  async run({ caller, body, requestId, isChosen, idempotencyKey, follows }: CreateJobCommand): Promise<CreatedJob> {
    const request = await this.policy.resolve(body);
    const { tenant } = caller;
    // a key stands for the id that it was first sent with
    const held = idempotencyKey === null ? null : await this.idempotencyKeys.find(tenant, idempotencyKey);
    const id = held ?? requestId;
    const mayExist = isChosen || held !== null;
    // subscribed to before it is stored, it need not be looked up; beside the admission that takes no time of its own
    const expected = follows && !mayExist ? this.followers.expect(jobRef(tenant, id)) : null;
    try {
      const job = await this.intake.take({
        ...{ tenant, id, fingerprint: fingerprintOf(body), request, metadata: body.metadata ?? {} },
        ...{ idempotencyKey, mayExist, ready: expected?.confirmed },
      });
      if (job.isNew) expected?.stored();
      const enqueued = this.#enqueue(job);
      enqueued.catch(() => {
        // reported to whoever awaits it; unawaited it is the sweep's to mend
      });
      return { ...job, enqueued, [Symbol.dispose]: () => expected?.[Symbol.dispose]() };
    } catch (error) {
      expected?.[Symbol.dispose]();
      throw error;
    }
  }

  async #enqueue(job: TakenJob): Promise<void> {
    if (job.isNew) {
      await this.queue.accept(job);
    } else if (!isFinished(job.status)) {
      // it may have lost its way to the queue, and its place in the index (law 15); an id is queued at most once
      this.askedFor.note(job.ref);
      await this.queue.enqueue(job);
    }
  }
}
