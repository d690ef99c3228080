import { type EventId, LOG_START } from '@millrace/contracts';
import { isFinished } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../auth/caller.ts';
import { negotiate } from '../http/accept.ts';
import { preferredWaitMs } from '../http/prefer.ts';
import { nameJob } from '../http/request-id.ts';
import type { CreatedJob } from '../jobs/create-job.ts';
import { LookAtJob } from '../jobs/get-job.ts';
import { WaitForJob } from '../jobs/wait-for-job.ts';
import { Relay, STREAM_TYPES, type StreamType } from '../relay/relay.ts';
import type { ApiSettings } from '../settings.ts';
import { SETTINGS } from '../tokens.ts';
import { cursorOf } from './cursor.ts';
import { JobAnswer } from './job-answer.ts';

/** What the client of a POST wants to have. */
export type WantedAnswer =
  | { readonly type: StreamType; readonly after: EventId | null }
  | { readonly type: 'application/json'; readonly waitMs: number | null };

/** Reads `Accept`, `Prefer` and `Last-Event-ID`, before anything is stored.
 *  @throws InvalidRequest nothing that the service has is acceptable
 *  @throws InvalidCursor
 *  @see PROTOCOL.md §2 */
export function wantedAnswer(request: FastifyRequest): WantedAnswer {
  const { headers } = request;
  const type = negotiate(headers.accept, [...STREAM_TYPES, 'application/json'] as const);
  if (type === 'application/json') return { type, waitMs: preferredWaitMs(headers['prefer']) };
  return { type, after: type === 'text/plain' ? null : cursorOf(request) };
}

/** Whether the answer is one that is held open while the job runs. */
export function staysOpen(wanted: WantedAnswer): boolean {
  return wanted.type !== 'application/json' || wanted.waitMs !== null;
}

/** Answers a POST in the form that was asked for. */
@Injectable()
export class CreationAnswer {
  constructor(
    @Inject(SETTINGS) private readonly settings: ApiSettings,
    @Inject(Relay) private readonly relay: Relay,
    @Inject(WaitForJob) private readonly waitForJob: WaitForJob,
    @Inject(LookAtJob) private readonly lookAtJob: LookAtJob,
    @Inject(JobAnswer) private readonly jobAnswer: JobAnswer,
  ) {}

  async send(reply: FastifyReply, job: CreatedJob, caller: Caller, wanted: WantedAnswer): Promise<void> {
    nameJob(reply, job.id);
    if (wanted.type !== 'application/json') {
      const stream = { job, type: wanted.type, isCreator: true, ...startOf(job, wanted.after) };
      await Promise.all([job.enqueued, this.relay.open(reply, stream)]);
      return;
    }
    await job.enqueued;
    if (wanted.waitMs !== null) await this.#wait(reply, job, wanted.waitMs);
    if (reply.raw.destroyed) return; // whoever waited is gone
    const seen = await this.lookAtJob.run({ id: job.id, caller, tenant: caller.tenant });
    const isWhole = wanted.waitMs !== null && isFinished(seen.view.status);
    await this.jobAnswer.send(reply, seen, { caller, status: isWhole ? 200 : 202, refusable: !job.isNew });
  }

  async #wait(reply: FastifyReply, job: CreatedJob, wantedMs: number): Promise<void> {
    const waitMs = Math.min(wantedMs, this.settings.MILLRACE_MAX_WAIT_MS);
    reply.header('Preference-Applied', `wait=${Math.floor(waitMs / 1000)}`);
    const gone = new AbortController();
    const leave = () => gone.abort();
    reply.raw.once('close', leave);
    if (reply.raw.destroyed) leave(); // it was gone before anybody listened
    await this.waitForJob.run(job, { waitMs, gone: gone.signal });
    reply.raw.off('close', leave);
  }
}

/** A cursor is of no use for a job that is new: nobody has seen an event of it, though it may have one by that id. */
function startOf({ isNew }: CreatedJob, after: EventId | null): { after: EventId | null; fresh: boolean } {
  const fresh = isNew && after !== null && after !== LOG_START;
  return { after: isNew ? null : after, fresh };
}
