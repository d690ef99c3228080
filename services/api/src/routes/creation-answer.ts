import { LOG_START } from '@millrace/contracts';
import type { LogPosition, StreamFormat } from '@millrace/protocols';
import { isFinished } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../auth/caller.ts';
import { negotiate } from '../http/accept.ts';
import { preferredWaitMs } from '../http/prefer.ts';
import { nameJob } from '../http/request-id.ts';
import type { CreatedJob } from '../jobs/create-job.ts';
import { GetJob } from '../jobs/get-job.ts';
import { WaitForJob } from '../jobs/wait-for-job.ts';
import { ClientWaits } from '../relay/client-waits.ts';
import { Relay } from '../relay/relay.ts';
import type { ApiSettings } from '../settings.ts';
import { SETTINGS } from '../tokens.ts';
import { cursorOf } from './cursor.ts';
import { JobAnswer } from './job-answer.ts';
import { NativeFormats, STREAM_TYPES } from './native-formats.ts';

/** The answer that the client of a POST asks for. */
export type WantedAnswer =
  | { readonly kind: 'stream'; readonly format: StreamFormat; readonly from: LogPosition | null }
  | { readonly kind: 'json'; readonly waitMs: number | null };

/** Whether the answer stays open while the job runs. */
export function staysOpen(wanted: WantedAnswer): boolean {
  return wanted.kind === 'stream' || wanted.waitMs !== null;
}

/** Answers a POST in the form that the client asked for. */
@Injectable()
export class CreationAnswer {
  constructor(
    @Inject(SETTINGS) private readonly settings: ApiSettings,
    @Inject(Relay) private readonly relay: Relay,
    @Inject(WaitForJob) private readonly waitForJob: WaitForJob,
    @Inject(ClientWaits) private readonly waits: ClientWaits,
    @Inject(GetJob) private readonly getJob: GetJob,
    @Inject(JobAnswer) private readonly jobAnswer: JobAnswer,
    @Inject(NativeFormats) private readonly formats: NativeFormats,
  ) {}

  /** Reads `Accept`, `Prefer` and `Last-Event-ID`. Must be called before anything is stored.
   *  @throws InvalidRequest the service offers no acceptable media type
   *  @throws InvalidCursor
   *  @see PROTOCOL.md §2 */
  wantedBy(request: FastifyRequest): WantedAnswer {
    const { headers } = request;
    const type = negotiate(headers.accept, [...STREAM_TYPES, 'application/json'] as const);
    if (type === 'application/json') return { kind: 'json', waitMs: preferredWaitMs(headers['prefer']) };
    const format = this.formats.get(type);
    return { kind: 'stream', format, from: type === 'text/plain' ? null : cursorOf(request, format) };
  }

  async send(reply: FastifyReply, job: CreatedJob, caller: Caller, wanted: WantedAnswer): Promise<void> {
    const { jobId } = job;
    nameJob(reply, jobId);
    if (wanted.kind === 'stream') {
      const { credential } = caller;
      const { place } = job;
      const stream = { job, place, format: wanted.format, isCreator: true, credential, ...startOf(job, wanted.from) };
      await Promise.all([job.enqueued, this.relay.open(reply, stream)]);
      return;
    }
    await job.enqueued;
    if (wanted.waitMs !== null) await this.#wait(reply, job, caller, wanted.waitMs);
    if (reply.raw.destroyed) return; // the client left while it waited
    const snapshot = await this.getJob.run({ jobId, caller, tenant: caller.tenant });
    const isWhole = wanted.waitMs !== null && isFinished(snapshot.view.status);
    const whenFull = job.isNew ? 'write' : 'refuse';
    await this.jobAnswer.send(reply, snapshot, { caller, status: isWhole ? 200 : 202, whenFull });
  }

  /** No longer than the setting, or than the credential lives. */
  #boundedWaitMs(wantedMs: number, { credential: { expiresAt } }: Caller): number {
    const lifeMs = expiresAt === null ? wantedMs : Math.max(0, expiresAt - Date.now());
    return Math.min(wantedMs, lifeMs, this.settings.MILLRACE_MAX_WAIT_MS);
  }

  async #wait(reply: FastifyReply, job: CreatedJob, caller: Caller, wantedMs: number): Promise<void> {
    const waitMs = this.#boundedWaitMs(wantedMs, caller);
    reply.header('Preference-Applied', `wait=${Math.floor(waitMs / 1000)}`);
    // its time is within the bound; only a revocation comes sooner
    const credential = { ...caller.credential, expiresAt: null };
    await this.waits.during(reply, credential, (gone) => this.waitForJob.run(job, { waitMs, gone, needsEnd: false }));
  }
}

/** A new job ignores the cursor: nobody has seen an event of it, though it may have one with that id. */
function startOf({ isNew }: CreatedJob, from: LogPosition | null): { from: LogPosition | null; fresh: boolean } {
  const fresh = isNew && from !== null && from.after !== LOG_START;
  return { from: isNew ? null : from, fresh };
}
