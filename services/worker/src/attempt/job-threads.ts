import {
  eventId,
  idOf,
  type JobRef,
  type JobRequest,
  jobRef,
  type Message,
  type ThreadRef,
  tenantOf,
  threadRef,
} from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import {
  AttemptFenced,
  type Begun,
  ContentUnreadable,
  type FairQueue,
  isFinished,
  type JobCanceller,
  type JobOutline,
  type JobReader,
  keptEvents,
  LogLost,
  requireContents,
  ShardAway,
  saidBy,
} from '@millrace/stream-log';
import { type AttemptLease, type Ending, type Head, privateThread, type Savers, type Threads } from '@millrace/threads';
import type { RunnablePipeline } from '../pipelines/registry.ts';
import { agreement } from './agreement.ts';
import { type ClaimedThread, UNKNOWN_SEQ } from './attempt-thread.ts';

export interface JobThreadsPorts {
  readonly threads: Pick<
    Threads,
    'enter' | 'claim' | 'claimPrivate' | 'leave' | 'rewind' | 'messages' | 'messagesBefore'
  >;
  readonly savers: Pick<Savers, 'headOf' | 'forget'>;
  readonly reader: Pick<JobReader, 'attempt' | 'outline' | 'page'>;
  readonly canceller: Pick<JobCanceller, 'cancel'>;
  readonly fairQueue: Pick<FairQueue, 'retire'>;
  readonly pipelines: { find(name: string): Pick<RunnablePipeline, 'kind'> | undefined };
  readonly logger: Logger;
}

/** Where a job stands that is about to begin: `run`; `waits`: its thread will name it; `ended`: it was refused; `away`: the shard of
 *  its thread, or of a job that it puts aside, does not answer. */
export type Place = 'run' | 'waits' | 'ended' | 'away';

type Begin = Extract<Begun, { kind: 'begun' }>;

/** Tells the threads of this worker's jobs when a job begins and ends, and queues the job that is next (law 17). What a crash
 *  leaves between two steps is mended by the API's sweep. */
export class JobThreads {
  /** set by the queue: puts a job into it */
  onNext: (ref: JobRef) => void = () => undefined;

  constructor(readonly ports: JobThreadsPorts) {}

  /** Asks the thread of a job whether it may begin. One that was delayed enters its thread only here. */
  async enter(ref: JobRef, request: JobRequest): Promise<Place> {
    try {
      return await this.#enter(ref, request);
    } catch (error) {
      if (error instanceof ShardAway) return 'away';
      throw error;
    }
  }

  async #enter(ref: JobRef, request: JobRequest): Promise<Place> {
    const { threads, logger } = this.ports;
    const entry = {
      ref: threadOf(ref, request),
      jobId: idOf(ref),
      onBusy: request.onBusy ?? 'enqueue',
      kind: request.resume === undefined ? 'message' : 'resume',
      wasExpected: request.delayMs !== undefined && request.delayMs > 0,
      continues: request.continues,
    } as const;
    for (;;) {
      const entered = await threads.enter(entry);
      if (entered.kind === 'run') return 'run';
      if (entered.kind === 'wait') return 'waits';
      if (entered.kind === 'cancel-first') {
        // it leaves, and this job is next
        await this.#cancel(jobRef(tenantOf(ref), entered.jobId), entry.ref);
        continue;
      }
      logger.info({ requestId: idOf(ref), tenant: tenantOf(ref), reason: entered.kind }, 'refused by its thread');
      await this.#cancel(ref, entry.ref);
      return 'ended';
    }
  }

  /** Whether a job that waited has the turn by now. */
  async isNext(ref: JobRef, thread: ThreadRef): Promise<boolean> {
    // it has its place: what it would do without one does not matter
    const entry = { ref: thread, jobId: idOf(ref), onBusy: 'reject', kind: 'resume' } as const;
    return (await this.ports.threads.enter(entry)).kind === 'run';
  }

  /** Claims the thread of an attempt, so that older ones cannot write to it any more. A job that names none has one of its own.
   *  @returns `not-active`: it is gone, or another job or a newer attempt has it; `too-large`: it has no room for what the job asks;
   *  `unreadable`: what is stored of it was altered, or its key was destroyed */
  async claim(
    ref: JobRef,
    begun: Begin,
    leaseToken: string,
  ): Promise<ClaimedThread | 'not-active' | 'too-large' | 'unreadable'> {
    try {
      return await this.#claim(ref, begun, leaseToken);
    } catch (error) {
      if (error instanceof ContentUnreadable && error.reason !== 'unavailable') return 'unreadable';
      throw error;
    }
  }

  async #claim(
    ref: JobRef,
    { request, attempt }: Begin,
    leaseToken: string,
  ): Promise<ClaimedThread | 'not-active' | 'too-large'> {
    const { threads, savers } = this.ports;
    const isAgent = this.#isAgent(request.pipeline);
    const jobId = idOf(ref);
    const thread = threadOf(ref, request);
    const isPrivate = request.threadId === undefined;
    // only an attempt stores anything in a private thread
    const isNew = isPrivate && attempt === 1;
    const lease: AttemptLease = { ref: thread, jobId, attempt, leaseToken, pipeline: request.pipeline, isNew };
    const isWhole = request.conversation === 'whole' && !isAgent;
    const keptMessages = isWhole ? await this.#agreement(thread, request.messages) : undefined;
    const claimed = isPrivate
      ? await threads.claimPrivate(lease)
      : await threads.claim(lease, isAgent ? [] : request.messages.slice(keptMessages ?? 0), {
          ...(keptMessages === undefined ? {} : { keptMessages }),
          undoes: isAgent ? request.undoes : undefined,
        });
    if (claimed.kind !== 'claimed') return claimed.kind;
    if (isPrivate && (await this.#hasEnded(ref))) {
      // whoever ended it, or erased it, found no thread of its own, which this attempt has made only now
      await this.leave(ref, thread, { isPrivate });
      return 'not-active';
    }
    const headNow = () => savers.headOf(thread);
    return {
      lease,
      // the first attempt cannot have moved it
      head: isAgent && attempt > 1 ? await headNow() : null,
      // the request has all of them
      messages: isWhole ? async () => [] : () => threads.messagesBefore(lease),
      conversation: isAgent || !request.streamModes?.includes('values') ? null : () => this.#conversation(thread),
      headNow,
      keptBy: (head) => this.#keptBy(ref, head),
      rewind: async () => {
        if (!(await threads.rewind(lease))) throw new AttemptFenced(ref);
      },
    };
  }

  /** Tells the thread of a job that it has ended, and queues the job that is next. To be called by whoever has closed the job.
   *  Never rejects: the API's sweep lets it leave, too. */
  async leave(ref: JobRef, thread: ThreadRef, { isPrivate = false } = {}): Promise<void> {
    const { threads, savers, logger } = this.ports;
    try {
      // a private thread goes with its job, however that has ended
      const ending = isPrivate ? ({ status: 'completed' } as const) : await this.#ending(ref);
      const { outcome, next } = await threads.leave({ ref: thread, jobId: idOf(ref), ...ending });
      if (next !== null) this.onNext(jobRef(tenantOf(ref), next));
      if (outcome === 'erased') await savers.forget(thread);
    } catch (error) {
      logger.warn({ requestId: idOf(ref), tenant: tenantOf(ref), err: error }, 'thread not left');
    }
  }

  async #ending(ref: JobRef): Promise<Omit<Ending, 'ref' | 'jobId'>> {
    const { reader } = this.ports;
    const job = await reader.outline(ref);
    // its questions would be lost: the sweep tells the thread later
    if (job !== null) requireContents(job);
    return {
      ...{ status: statusOf(job), interrupts: job?.interrupts ?? [], pipeline: job?.pipeline },
      said: job === null || this.#isAgent(job.pipeline) ? [] : ((await saidBy(reader, job)) ?? []),
    };
  }

  /** Ends a job that its thread puts aside. */
  async #cancel(ref: JobRef, thread: ThreadRef): Promise<void> {
    const { canceller, fairQueue } = this.ports;
    const outcome = await canceller.cancel(ref, 'thread');
    await this.leave(ref, thread);
    if (outcome.kind !== 'cancelled') return;
    const { keptBytes, attempt } = outcome.end;
    await fairQueue.retire({ ref, keptBytes, usage: { total: attempt, attempts: {} } });
  }

  async #conversation(thread: ThreadRef) {
    const messages = await this.ports.threads.messages(thread, { from: 0, limit: Number.POSITIVE_INFINITY });
    return messages.map(({ jobId: _, ...message }) => message);
  }

  /** How many messages a thread and a conversation begin with in common. Only the active job changes them. */
  async #agreement(thread: ThreadRef, conversation: readonly Message[]): Promise<number> {
    return agreement(await this.ports.threads.messages(thread, { from: 0, limit: conversation.length }), conversation);
  }

  async #hasEnded(ref: JobRef): Promise<boolean> {
    const job = await this.ports.reader.outline(ref);
    return job === null || isFinished(job.status);
  }

  #isAgent(pipeline: string): boolean {
    return this.ports.pipelines.find(pipeline)?.kind === 'agent';
  }

  async *#keptBy(ref: JobRef, { origin }: Head) {
    if (origin === null) return;
    const { reader } = this.ports;
    const { attempt, seq } = origin;
    if (seq === UNKNOWN_SEQ) throw new LogLost(ref);
    if (seq > 0) {
      // a hole further on would be found too late: Redis loses the end of a log, or all of it
      const { events } = await reader.page(ref, eventId(attempt, seq - 1), { events: 1 });
      if (events[0]?.id !== eventId(attempt, seq)) throw new LogLost(ref);
    }
    yield* keptEvents(reader, { ref, attempt, seq });
  }
}

/** How a thread sees the end of a job. One that is gone has expired: nobody ended it. */
function statusOf(job: JobOutline | null): 'completed' | 'failed' | 'cancelled' | 'interrupted' {
  if (job === null || job.status === 'cancelled') return 'cancelled';
  if (job.status === 'completed') return job.interrupts.length > 0 ? 'interrupted' : 'completed';
  return 'failed';
}

/** @returns the thread of a job; if it names none, the one that is its own */
export function threadOf(ref: JobRef, { threadId }: { readonly threadId?: string | undefined }): ThreadRef {
  return threadId ? threadRef(tenantOf(ref), threadId) : privateThread(tenantOf(ref), idOf(ref));
}
