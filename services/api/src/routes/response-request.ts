import { createHash } from 'node:crypto';
import { BUILT_IN_PIPELINE, type CreateJobBody, requestIdSchema } from '@millrace/contracts';
import { RESPONSE_PREFIX, RequestFault, type ResponsesRequest, responsesField } from '@millrace/protocols';
import { JobNotFound, type JobOutline } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../auth/caller.ts';
import { CheckpointNotFound, ThreadBusy, ThreadNotFound } from '../http/problem.ts';
import { JobAccess } from '../jobs/job-access.ts';
import { ForkAtJob } from '../threads/fork-at-job.ts';
import type { Elsewhere, ForeignRequest } from './foreign-jobs.ts';

/** The job of a response, by the id that its client knows.
 *  @returns null: no response can have this id */
export function jobOfResponse(id: string): string | null {
  return requestIdSchema.safeParse(id.startsWith(RESPONSE_PREFIX) ? id.slice(RESPONSE_PREFIX.length) : id).data ?? null;
}

/** The thread of a response that continues no other: its own id, unless that is too long for one. */
export function threadOfResponse(jobId: string): string {
  const id = `${RESPONSE_PREFIX}${jobId}`;
  return id.length <= 64 ? id : `${RESPONSE_PREFIX}${createHash('sha256').update(jobId).digest('base64url')}`;
}

/** Finds the thread of a new response: the one of the response that it continues, as long as that is the last one there, otherwise
 *  a copy that ends with it. */
@Injectable()
export class ResponseRequests {
  constructor(
    @Inject(JobAccess) private readonly access: JobAccess,
    @Inject(ForkAtJob) private readonly forkAtJob: ForkAtJob,
  ) {}

  /** @param jobId of the new response
   *  @throws RequestFault the response that it continues is not known, or goes on in another way */
  async of(asked: ResponsesRequest, caller: Caller, jobId: string): Promise<ForeignRequest> {
    const { job, instructions, previousResponseId, isStored } = asked;
    const { streams: _, ...identity } = asked;
    const common = {
      ...{ caller, fieldOf: responsesField, identity },
      extras: instructions === null ? {} : { instructions },
    };
    if (previousResponseId === null) {
      return { ...common, body: isStored ? { ...job, threadId: threadOfResponse(jobId) } : job };
    }
    const previous = await this.#previous(previousResponseId, caller);
    const { threadId } = previous;
    if (threadId === null) throw refused(`is the id of a response that was not stored: ${NOT_CONTINUED}`);
    const body = continued(asked, previous);
    if (!isStored)
      throw new RequestFault([{ pointer: '/store', detail: 'must not be false with previous_response_id' }]);
    const copyId = threadOfResponse(jobId);
    const extras = { ...common.extras, continues: previous.jobId };
    return {
      ...common,
      body: { ...body, threadId },
      extras,
      // of the answers to a question one counts: a copy might hold the first one already
      ...(body.resume === undefined
        ? { elsewhere: this.#elsewhere({ ...body, threadId: copyId }, previous, caller) }
        : {}),
    };
  }

  #elsewhere(body: CreateJobBody & { readonly threadId: string }, previous: JobOutline, caller: Caller): Elsewhere {
    const { threadId } = body;
    return {
      body,
      make: () => this.#copy(previous, caller, threadId),
      undo: () => this.forkAtJob.undo(previous, threadId),
    };
  }

  async #previous(id: string, caller: Caller): Promise<JobOutline> {
    const jobId = jobOfResponse(id);
    if (jobId === null) throw refused(`is no id of a response: ${NOT_CONTINUED}`);
    try {
      return await this.access.get({ jobId, caller, tenant: caller.tenant });
    } catch (error) {
      if (error instanceof JobNotFound) throw refused(`is the id of no response: ${NOT_CONTINUED}`);
      throw error;
    }
  }

  async #copy(previous: JobOutline, caller: Caller, id: string): Promise<void> {
    try {
      await this.forkAtJob.run(previous, caller, id);
    } catch (error) {
      if (error instanceof ThreadNotFound || error instanceof CheckpointNotFound)
        throw refused(`is a response whose conversation is gone: ${NOT_CONTINUED}`);
      if (error instanceof ThreadBusy)
        throw refused('is a response in progress that another one continues: wait for its end');
      throw error;
    }
  }
}

const NOT_CONTINUED = 'send the conversation as input';

function refused(detail: string): RequestFault {
  return new RequestFault([{ pointer: '/previous_response_id', detail }]);
}

/** The body of a job that goes on after another one: by what answered before, with an answer if that asked a person.
 *  @throws RequestFault */
function continued({ job, outputs, instructions }: ResponsesRequest, previous: JobOutline): CreateJobBody {
  const pipeline = job.pipeline ?? (job.model === undefined ? previous.pipeline : BUILT_IN_PIPELINE);
  if (pipeline !== previous.pipeline) {
    const name = previous.pipeline === BUILT_IN_PIPELINE ? 'a model' : `pipeline/${previous.pipeline}`;
    throw new RequestFault([{ pointer: '/model', detail: `must go on with what answered before: name ${name}` }]);
  }
  const body: CreateJobBody = { ...job, pipeline };
  const { interrupts } = previous;
  if (interrupts.length === 0 || outputs === null) return body;
  const ids = new Set(interrupts.map(({ interruptId }) => interruptId));
  if (Object.keys(outputs).some((callId) => !ids.has(callId))) {
    throw new RequestFault([{ pointer: '/input', detail: 'must answer the questions of the agent, by their call_id' }]);
  }
  if (instructions !== null) {
    throw new RequestFault([
      { pointer: '/instructions', detail: 'do not go with an answer to an agent: leave them out' },
    ]);
  }
  const { messages: _, ...rest } = body;
  return { ...rest, resume: outputs };
}
