import {
  type CreateJobBody,
  type JobRef,
  type JobRequest,
  jobRef,
  type ProblemCode,
  shardNamedBy,
} from '@millrace/contracts';
import {
  type IdempotencyKeys,
  isFinished,
  type Place,
  ShardAway,
  type Shards,
  type Subscribers,
} from '@millrace/stream-log';
import { type RequestTrace, traceStep } from '@millrace/telemetry';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../auth/caller.ts';
import { IdOfAbsentShard, OutOfScope, RefusedByShard } from '../http/problem.ts';
import { toProblem } from '../http/to-problem.ts';
import { IDEMPOTENCY_KEYS, SHARDS, SUBSCRIBERS } from '../tokens.ts';
import { fingerprintOf } from './fingerprint.ts';
import { type AcceptedJob, Intake, type Submission } from './intake.ts';
import { JobQueue, remainingDelayMs } from './queue/job-queue.ts';
import { ResolveRequest } from './resolve-request.ts';
import { JobErasure } from './steps/job-erasure.ts';
import { isRefusal, JobErased, ThreadEntry } from './steps/thread-entry.ts';
import { UnlistedJobs } from './sweep/unlisted-jobs.ts';

export interface CreateJobCommand {
  readonly caller: Caller;
  readonly body: CreateJobBody;
  /** the id of the job, if it is new; of several shards only one that the client chose */
  readonly jobId: string;
  /** whether the client chose the id; otherwise nobody else can know it */
  readonly isChosen: boolean;
  readonly idempotencyKey: string | null;
  /** of the request */
  readonly trace: Pick<RequestTrace, 'traceparent' | 'repeats'>;
  /** whether the caller follows the job at once */
  readonly follows: boolean;
  /** called before a job is recorded: from then on there may be one */
  readonly recording?: () => void;
  /** what a client of `POST /jobs` cannot ask for */
  readonly extras?: RequestExtras | undefined;
  /** what makes a repeated request the same; `body` and `extras` unless given */
  readonly identity?: object | undefined;
}

/** `messages`: instead of those of the body. */
export type RequestExtras = Partial<
  Pick<
    JobRequest,
    'messages' | 'instructions' | 'continues' | 'conversation' | 'undoes' | 'streamModes' | 'graphOptions'
  >
>;

/** Must be disposed of after the answer. */
export interface CreatedJob extends AcceptedJob, Disposable {
  /** resolves when the job is in the queue. The answer must await it, after its own SUBSCRIBE is sent */
  readonly enqueued: Promise<void>;
  /** of a new job that its creator follows: the answer takes it */
  readonly place: Place | null;
}

/** What another shard may not say: one hangs, which is not known at first, or its share of a limit is used up. */
const ELSEWHERE: ReadonlySet<ProblemCode> = new Set(['UNAVAILABLE', 'QUEUE_FULL', 'RATE_LIMITED', 'QUOTA_EXCEEDED']);

/** Stores and queues a job, at most once for each id and idempotency key. @see PROTOCOL.md §2 */
@Injectable()
export class CreateJob {
  /** shards for which a request has waited in vain */
  readonly #lost = new Set<number>();

  constructor(
    @Inject(ResolveRequest) private readonly resolveRequest: ResolveRequest,
    @Inject(IDEMPOTENCY_KEYS) private readonly idempotencyKeys: IdempotencyKeys,
    @Inject(Intake) private readonly intake: Intake,
    @Inject(JobQueue) private readonly queue: JobQueue,
    @Inject(ThreadEntry) private readonly threadEntry: ThreadEntry,
    @Inject(JobErasure) private readonly erasure: JobErasure,
    @Inject(UnlistedJobs) private readonly unlistedJobs: UnlistedJobs,
    @Inject(SUBSCRIBERS) private readonly subscribers: Subscribers,
    @Inject(SHARDS) private readonly shards: Shards,
  ) {}

  /** @throws what {@link ResolveRequest} and {@link Intake} refuse
   *  @throws IdOfAbsentShard
   *  @throws RefusedByShard of an id that the client chose, and nothing is stored of the job
   *  @throws ThreadBusy, ThreadMovedOn, NotInterrupted, ThreadNotFound, OutOfScope */
  async run(command: CreateJobCommand): Promise<CreatedJob> {
    const { caller, body, isChosen, idempotencyKey } = command;
    const { tenant } = caller;
    if (caller.scope !== null && (body.threadId === undefined || !caller.scope.threads.has(body.threadId))) {
      throw new OutOfScope('This token creates jobs in its own threads only: name one of them as "threadId".');
    }
    // a key stands for the id that it was first sent with
    const heldId = idempotencyKey === null ? null : await this.idempotencyKeys.find(tenant, idempotencyKey);
    const acceptedId = heldId ?? this.#idOf(command);
    const mayExist = isChosen || heldId !== null;
    const { extras = {}, identity = { ...body, ...extras } } = command;
    // such a failure is not that of the job's shard
    let unresolved: unknown = null;
    // of a job that is new
    const resolve = async () => {
      const absentShard = this.shards.absentShardIn(acceptedId);
      if (absentShard !== null) throw new IdOfAbsentShard(absentShard);
      try {
        const { request, answers } = await this.resolveRequest.run(body, caller);
        return { request: { ...request, ...extras }, answers };
      } catch (error) {
        unresolved = error;
        throw error;
      }
    };
    // before anything is reserved for the job
    const resolved = mayExist ? null : await resolve();
    let mayBeRecorded = heldId !== null;
    const submission: Submission = {
      ...{ tenant, jobId: acceptedId, fingerprint: fingerprintOf(identity), metadata: body.metadata ?? {} },
      ...{
        resolve: async () => resolved ?? resolve(),
        idempotencyKey,
        traceparent: command.trace.traceparent,
        ...{ mayExist, isHeld: heldId !== null },
      },
      recording: () => {
        mayBeRecorded = true;
        command.recording?.();
      },
      found: () => {
        mayBeRecorded = true;
      },
    };
    const once = { ...command, follows: command.follows && !mayExist };
    let jobId = acceptedId;
    const tried = new Set<number>();
    for (;;) {
      try {
        if (isChosen) this.#requireShard(jobRef(tenant, jobId));
        return await this.#createOnce({ ...submission, jobId }, once);
      } catch (error) {
        if (mayBeRecorded || error === unresolved || !isOfOneShard(error)) throw error;
        if (isChosen) throw this.#refusedByShard(jobRef(tenant, jobId), error);
        const otherId = this.shards.otherJobId(tried.add(shardNamedBy(jobId) ?? 0));
        if (otherId === null) throw await this.intake.refusedByAll(jobRef(tenant, jobId), error);
        // nobody knows the id so far, and nothing of the job is there
        jobId = otherId;
      }
    }
  }

  /** @param command `follows`: whether the job's creator takes a place that is kept for it from now on */
  async #createOnce(submission: Submission, { body, follows, trace }: CreateJobCommand): Promise<CreatedJob> {
    const { tenant, jobId } = submission;
    // subscribing before the job is stored saves a read, and costs no time beside the admission
    const place = follows ? this.subscribers.expect(jobRef(tenant, jobId), body.threadId) : null;
    try {
      return await this.#create(submission, place, trace);
    } catch (error) {
      place?.[Symbol.dispose]();
      if (!(error instanceof JobErased)) throw error;
    }
    // as if this request had come after the one that erased its job
    return this.#create({ ...submission, mayExist: true }, null, trace);
  }

  /** The first request for a lost shard waits, in case that it comes back at once; those after it need not.
   *  @throws ShardAway */
  #requireShard(ref: JobRef): void {
    const [place, ...older] = this.shards.placesOfJob(ref);
    if (place === undefined || older.length > 0 || !this.#lost.has(place)) return;
    if (!this.shards.isUp(place)) throw new ShardAway(place);
    this.#lost.delete(place);
  }

  /** @param error of a request of which nothing is stored */
  #refusedByShard(ref: JobRef, error: unknown): unknown {
    const otherIds = this.shards.otherJobIds(ref);
    if (otherIds.length === 0) return error;
    const problem = toProblem(error);
    const [place] = this.shards.placesOfJob(ref);
    if (problem.code === 'UNAVAILABLE' && place !== undefined) this.#lost.add(place);
    return new RefusedByShard(problem, otherIds);
  }

  /** An id of the service's own says in which shard the job is. */
  #idOf({ jobId, isChosen }: CreateJobCommand): string {
    return isChosen || this.shards.count === 1 ? jobId : this.shards.newJobId();
  }

  async #create(submission: Submission, place: Place | null, trace: CreateJobCommand['trace']): Promise<CreatedJob> {
    const { traceparent: parent } = submission;
    const job = await traceStep({ name: 'admit', parent, errorTypeOf }, () =>
      this.intake.accept({ ...submission, ready: place?.confirmed }),
    );
    if (!job.isNew) trace.repeats(job.traceparent);
    const runs = await this.#place(job);
    if (job.isNew) this.queue.accepted(job);
    const enqueued = runs
      ? traceStep({ name: 'enqueue', parent, kind: 'producer' }, () => this.#enqueue(job))
      : Promise.resolve();
    enqueued.catch(() => {
      // whoever awaits it gets the error; if nobody does, the sweep queues the job
    });
    // under another id, which the same key had reserved, the reader reads the log
    const own = job.isNew && job.ref === place?.ref ? place : null;
    return { ...job, enqueued, place: own, [Symbol.dispose]: () => place?.[Symbol.dispose]() };
  }

  /** @returns whether the job is to be queued
   *  @throws ThreadBusy, NotInterrupted, ThreadNotFound its thread refuses it, and nothing of it is left */
  async #place(job: AcceptedJob): Promise<boolean> {
    const { ref, threadId } = job;
    if (isFinished(job.status)) return false;
    if (threadId === null || job.attempt > 0) return true;
    try {
      if (job.delayMs === 0) return await this.threadEntry.enter({ ...job, threadId });
      // it enters its thread when it starts, so as not to block it meanwhile
      await this.threadEntry.announce({ ref, threadId });
      return true;
    } catch (error) {
      // whoever is refused erases it, also a repetition: the node that recorded it may have died, and a sweep would let it run later
      if (!isRefusal(error) || (await this.erasure.refused(job))) throw error;
      return false;
    }
  }

  async #enqueue({ ref, priority, delayMs, createdAt, isNew }: AcceptedJob): Promise<void> {
    if (isNew) {
      await this.queue.enqueue({ ref, priority, delayMs });
      return;
    }
    // queue and registry may have lost it (law 15); an id is queued at most once
    this.unlistedJobs.note(ref);
    await this.queue.enqueue({ ref, priority, delayMs: remainingDelayMs({ createdAt, delayMs }) });
  }
}

/** Whether another shard may say something else. */
function isOfOneShard(error: unknown): boolean {
  const { code, options } = toProblem(error);
  return ELSEWHERE.has(code) && options.everywhere !== true;
}

function errorTypeOf(error: unknown): string {
  return toProblem(error).code;
}
