import { type CreateJobBody, type JobRequest, requestIdSchema } from '@millrace/contracts';
import { type AiSdkRequest, threadIdOfChat } from '@millrace/protocols';
import { JobNotFound, type JobOutline } from '@millrace/stream-log';
import type { ThreadRecord, Threads } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../auth/caller.ts';
import { InvalidRequest, JobFinished, ThreadNotFound } from '../http/problem.ts';
import { CancelJob } from '../jobs/cancel-job.ts';
import type { RequestExtras } from '../jobs/create-job.ts';
import { JobAccess } from '../jobs/job-access.ts';
import { Pipelines } from '../jobs/pipelines/pipelines.ts';
import { ThreadAccess } from '../threads/thread-access.ts';
import { ThreadMessages } from '../threads/thread-messages.ts';
import { THREADS } from '../tokens.ts';

/** How many messages of a state to look at for what an agent was asked. */
const MAX_MESSAGES = 10_000;

/** What an id in a path stands for. */
export type Chat =
  | { readonly kind: 'thread'; readonly thread: ThreadRecord }
  | { readonly kind: 'job'; readonly job: JobOutline };

/** Whoever reads a thread, which may be large. @see ReadThread */
export interface ThreadReader {
  readonly caller: Caller;
  readonly admit: (bytes: number) => Promise<void>;
}

/** The chats of AI SDK clients: each is the thread of its id. A client without one knows its job alone.
 *  @see docs/protocols.md */
@Injectable()
export class Chats {
  constructor(
    @Inject(THREADS) private readonly threads: Threads,
    @Inject(ThreadAccess) private readonly threadAccess: ThreadAccess,
    @Inject(ThreadMessages) private readonly threadMessages: ThreadMessages,
    @Inject(JobAccess) private readonly jobAccess: JobAccess,
    @Inject(Pipelines) private readonly pipelines: Pipelines,
    @Inject(CancelJob) private readonly cancelJob: CancelJob,
  ) {}

  /** What a request means for the thread of its chat. The client's list of messages is the conversation of a pipeline that
   *  keeps messages; an agent keeps its own state, and gets what is new.
   *  @throws InvalidRequest nothing is new, or the agent cannot be asked that again */
  async meaningOf({ job, known, asksAgain }: AiSdkRequest, reader: ThreadReader): Promise<RequestExtras> {
    const { threadId, pipeline, messages } = job;
    if (threadId === undefined || job.resume !== undefined) return {};
    if (!(await this.#isAgent(pipeline))) return messages === undefined ? {} : { conversation: 'whole' };
    const thread = await this.#threadOf(threadId, reader.caller);
    // of a conversation that began elsewhere the agent gets all
    if (thread === null || (thread.head === null && thread.activeJob === null)) return {};
    const undoes = asksAgain === null ? null : await this.#undoneBy(thread, asksAgain.questions, reader);
    return {
      ...(messages === undefined ? {} : { messages: newMessages(messages, known) }),
      ...(undoes === null ? {} : { undoes }),
    };
  }

  /** @returns null: the caller has neither a chat nor a job of this id */
  async find(id: string, caller: Caller): Promise<Chat | null> {
    const thread = await this.#threadOf(threadIdOfChat(id), caller);
    if (thread !== null) return { kind: 'thread', thread };
    if (!requestIdSchema.safeParse(id).success) return null;
    const job = await orNull(JobNotFound, this.jobAccess.get({ jobId: id, caller, tenant: caller.tenant }));
    return job === null ? null : { kind: 'job', job };
  }

  /** Cancels what runs and what waits in a chat. Idempotent.
   *  @returns the ids of the jobs that it has cancelled */
  async stop(chat: Chat, caller: Caller): Promise<string[]> {
    const { tenant } = caller;
    const cancelled: string[] = [];
    for (const jobId of await this.#openJobs(chat)) {
      const job = this.cancelJob.run({ jobId, caller, tenant });
      // it has ended, or is gone, by itself
      const stopped = await orNull(JobNotFound, orNull(JobFinished, job));
      if (stopped !== null) cancelled.push(jobId);
    }
    return cancelled;
  }

  /** Those that wait come first: none of them may get the turn that the running one gives up. */
  async #openJobs(chat: Chat): Promise<string[]> {
    if (chat.kind === 'job') return [chat.job.jobId];
    const { ref, activeJob } = chat.thread;
    const waiting = await this.threads.waiting(ref);
    return [...waiting.reverse(), ...(activeJob === null ? [] : [activeJob])];
  }

  /** @returns the job whose steps are undone; null: none was left
   *  @throws InvalidRequest the question is not the last one, or was asked before the agent asked something itself */
  async #undoneBy(thread: ThreadRecord, questions: number, reader: ThreadReader): Promise<string | null> {
    const { threadId, activeJob, lastJob } = thread;
    const jobId = activeJob ?? lastJob;
    if (jobId === null) return null;
    const { caller } = reader;
    const { tenant } = caller;
    const job = await orNull(JobNotFound, this.jobAccess.get({ jobId, caller, tenant }));
    const kept = await this.threadMessages.run({ ...reader, threadId, tenant, limit: MAX_MESSAGES });
    const asked = kept.items.filter(({ role }) => role === 'user').length;
    if (job?.resumes === true || asked > questions) {
      throw new InvalidRequest('An agent can be asked again only its last question, unless it has asked back since.');
    }
    return jobId;
  }

  #threadOf(threadId: string, caller: Caller): Promise<ThreadRecord | null> {
    return orNull(ThreadNotFound, this.threadAccess.settled({ threadId, caller, tenant: caller.tenant }));
  }

  async #isAgent(pipeline: string | undefined): Promise<boolean> {
    return pipeline !== undefined && (await this.pipelines.find(pipeline))?.kind === 'agent';
  }
}

/** @throws InvalidRequest there are none */
function newMessages(messages: NonNullable<CreateJobBody['messages']>, known: number): JobRequest['messages'] {
  const added = messages.slice(known);
  if (added.length > 0) return added;
  const detail = 'brings nothing new after the last answer of the agent';
  throw new InvalidRequest('See errors.', [{ pointer: '/messages', detail }]);
}

/** @param missing the error that stands for nothing */
async function orNull<T>(missing: abstract new (...args: never[]) => Error, found: Promise<T>): Promise<T | null> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof missing) return null;
    throw error;
  }
}
