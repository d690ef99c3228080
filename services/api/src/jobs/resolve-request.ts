import { type CreateJobBody, type JobRequest, type ThreadRef, threadRef } from '@millrace/contracts';
import { requireReadable, type ThreadQuestions, type Threads } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../auth/caller.ts';
import { NotInterrupted, ThreadNotFound } from '../http/problem.ts';
import { THREADS } from '../tokens.ts';
import { RequestPolicy } from './pipelines/request-policy.ts';
import { ThreadExit } from './steps/thread-exit.ts';

export interface ResolvedRequest {
  readonly request: JobRequest;
  /** digest of the questions that it answers; undefined: it answers none */
  readonly answers: string | undefined;
}

/** Turns a body into the request of a new job. An answer needs an open question before all else: what else is wrong with it
 *  depends on who asked. */
@Injectable()
export class ResolveRequest {
  constructor(
    @Inject(THREADS) private readonly threads: Threads,
    @Inject(ThreadExit) private readonly exit: ThreadExit,
    @Inject(RequestPolicy) private readonly policy: RequestPolicy,
  ) {}

  /** @throws ThreadNotFound, NotInterrupted, ContentUnreadable
   *  @throws what {@link RequestPolicy} refuses */
  async run(body: CreateJobBody, caller: Caller): Promise<ResolvedRequest> {
    const { resume, threadId } = body;
    const answers = resume !== undefined && threadId !== undefined;
    const questions = answers ? await this.#questionsOf(threadRef(caller.tenant, threadId)) : null;
    return { request: await this.policy.resolve(body, caller, questions), answers: questions?.digest };
  }

  async #questionsOf(ref: ThreadRef): Promise<ThreadQuestions> {
    let thread = await this.threads.get(ref);
    // the client may know of the end of the job that asked before the thread does
    if (thread?.activeJob && (await this.exit.settle(ref))) thread = await this.threads.get(ref);
    if (thread === null) throw new ThreadNotFound();
    const { questions } = requireReadable(thread);
    if (questions === null) throw new NotInterrupted();
    return questions;
  }
}
