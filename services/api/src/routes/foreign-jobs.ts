import type { CreateJobBody } from '@millrace/contracts';
import type { AnswerCollector, StreamedJob, StreamFormat } from '@millrace/protocols';
import type { JobOutline } from '@millrace/stream-log';
import type { RequestTrace } from '@millrace/telemetry';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../auth/caller.ts';
import { Readiness } from '../health/readiness.ts';
import { noteJobMade } from '../http/job-made.ts';
import { Draining, Problem, ThreadMovedOn, Unavailable } from '../http/problem.ts';
import { chosenRequestId, idempotencyKeyOf, nameRequest, requestIdOf } from '../http/request-id.ts';
import { traceRequest } from '../http/request-trace.ts';
import { toProblem } from '../http/to-problem.ts';
import { type CreatedJob, CreateJob, type RequestExtras } from '../jobs/create-job.ts';
import { JobAccess } from '../jobs/job-access.ts';
import { type AwaitedJob, WaitForJob } from '../jobs/wait-for-job.ts';
import { StreamQuota } from '../quota/stream-quota.ts';
import { ClientWaits } from '../relay/client-waits.ts';
import { OpenStreams } from '../relay/open-streams.ts';
import { Relay } from '../relay/relay.ts';
import { streamedJob } from '../relay/streamed-job.ts';
import type { ApiSettings } from '../settings.ts';
import { SETTINGS } from '../tokens.ts';
import { WholeAnswers } from './whole-answers.ts';

/** A request and its answer. */
export interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** A request of another protocol for a job. */
export interface ForeignRequest {
  readonly caller: Caller;
  readonly body: CreateJobBody;
  /** the id that the client chose in its own words; null: none */
  readonly jobId?: string | null;
  /** The field in the caller's own words for one of `body`, both as JSON pointers. */
  readonly fieldOf: (pointer: string) => string;
  readonly extras?: RequestExtras | undefined;
  /** what makes a repeated request the same; `body` and `extras` unless given */
  readonly identity?: object | undefined;
  /** where the job goes if the thread has moved on from the one that it continues */
  readonly elsewhere?: Elsewhere;
}

/** Another thread for a job, which is yet to be made. */
export interface Elsewhere {
  readonly body: CreateJobBody;
  /** makes the thread, which ends with the job that is continued */
  make(): Promise<void>;
  /** removes it: the job was refused */
  undo(): Promise<void>;
}

/** Makes jobs for clients of other protocols, and answers in theirs. The same limits, ids and idempotency keys hold as for
 *  `POST /jobs`; the answer has `X-Request-Id`, but no `Location`, which some clients would follow.
 *  @see docs/protocols.md */
@Injectable()
export class ForeignJobs {
  constructor(
    @Inject(SETTINGS) private readonly settings: ApiSettings,
    @Inject(Readiness) private readonly readiness: Readiness,
    @Inject(StreamQuota) private readonly quota: StreamQuota,
    @Inject(CreateJob) private readonly createJob: CreateJob,
    @Inject(JobAccess) private readonly access: JobAccess,
    @Inject(WaitForJob) private readonly waitForJob: WaitForJob,
    @Inject(ClientWaits) private readonly waits: ClientWaits,
    @Inject(Relay) private readonly relay: Relay,
    @Inject(OpenStreams) private readonly streams: OpenStreams,
    @Inject(WholeAnswers) private readonly wholeAnswers: WholeAnswers,
  ) {}

  /** Makes a job and streams its answer.
   *  @throws what {@link create} throws, TooManyStreams */
  async stream(exchange: Exchange, asked: ForeignRequest, format: StreamFormat): Promise<void> {
    const { reply } = exchange;
    const { caller } = asked;
    await this.quota.acquire(reply, caller);
    using job = await this.create(exchange, asked, { follows: true });
    const { place } = job;
    const stream = { job, place, format, from: null, isCreator: true, credential: caller.credential };
    await Promise.all([job.enqueued, this.relay.open(reply, stream)]);
  }

  /** Makes a job, waits for its end, and sends the answer whole: never half of one.
   *  @throws what {@link create} throws, TooManyStreams
   *  @throws Unauthenticated the credential ended meanwhile
   *  @throws Unavailable this node closes, or lost sight of the job: it was made */
  async whole(
    exchange: Exchange,
    asked: ForeignRequest,
    collectorOf: (job: StreamedJob) => AnswerCollector,
  ): Promise<void> {
    const { reply } = exchange;
    const { caller } = asked;
    await this.quota.acquire(reply, caller);
    using _held = this.streams.holdWhole();
    using job = await this.create(exchange, asked, { follows: false });
    const { jobId } = job;
    nameRequest(reply, jobId);
    await job.enqueued;
    await this.#untilEnd(reply, job, caller);
    if (reply.raw.destroyed) return; // the client left
    const outline = await this.access.get({ jobId, caller, tenant: caller.tenant });
    await this.wholeAnswers.send(reply, outline, caller, collectorOf(streamedJob(outline)));
  }

  /** Waits for the end of a job that is there, and sends the answer whole.
   *  @param cancels whether losing this client may cancel the job
   *  @throws TooManyStreams, Unavailable, LogExpired */
  async join(
    reply: FastifyReply,
    { job, caller, cancels }: { readonly job: JobOutline; readonly caller: Caller; readonly cancels: boolean },
    collectorOf: (job: StreamedJob) => AnswerCollector | Promise<AnswerCollector>,
  ): Promise<void> {
    await this.quota.acquire(reply, caller);
    using _held = this.streams.holdWhole();
    const { jobId, tenant } = job;
    nameRequest(reply, jobId);
    const awaited = cancels ? { ...job, onDisconnect: 'cancel' as const } : job;
    await this.#untilEnd(reply, awaited, caller, cancels);
    if (reply.raw.destroyed) return; // the client left
    const outline = await this.access.get({ jobId, caller, tenant });
    await this.wholeAnswers.send(reply, outline, caller, await collectorOf(streamedJob(outline)));
  }

  /** Makes a job. The caller answers, and disposes of it.
   *  @param follows whether the answer takes the job's place in the topic
   *  @throws Draining the job would end with a connection that is about to close
   *  @throws what CreateJob throws, its fields in the caller's words */
  async create(exchange: Exchange, asked: ForeignRequest, options: { readonly follows: boolean }): Promise<CreatedJob> {
    const trace = traceRequest(exchange.request, exchange.reply);
    try {
      return await this.#create(exchange, asked, { ...options, trace });
    } catch (error) {
      const { elsewhere, ...rest } = asked;
      if (elsewhere === undefined || !(error instanceof ThreadMovedOn)) throw error;
      const { body } = elsewhere;
      await elsewhere.make();
      try {
        return await this.#create(exchange, { ...rest, body }, { ...options, trace });
      } catch (refusal) {
        await elsewhere.undo();
        throw refusal;
      }
    }
  }

  async #create(
    { request, reply }: Exchange,
    { caller, body, extras, identity, fieldOf, jobId = null }: ForeignRequest,
    { follows, trace }: { readonly follows: boolean; readonly trace: RequestTrace },
  ): Promise<CreatedJob> {
    const chosenId = chosenRequestId(request) ?? jobId;
    if (body.onDisconnect === 'cancel' && this.readiness.drainSignal.aborted) {
      const { MILLRACE_DRAIN_MS: drainMs, MILLRACE_LINGER_MS: lingerMs } = this.settings;
      throw new Draining(Math.max(drainMs, lingerMs));
    }
    try {
      const job = await this.createJob.run({
        ...{ caller, body, extras, identity, follows },
        jobId: chosenId ?? requestIdOf(request, reply),
        isChosen: chosenId !== null,
        idempotencyKey: idempotencyKeyOf(request),
        trace,
        recording: () => noteJobMade(request),
      });
      noteJobMade(request);
      return job;
    } catch (error) {
      throw inTheirWords(error, fieldOf);
    }
  }

  async #untilEnd(reply: FastifyReply, job: AwaitedJob, { credential }: Caller, isCreator = true): Promise<void> {
    const waiting = { waitMs: null, needsEnd: true, isCreator };
    const hasEnded = await this.waits.during(reply, credential, (gone) =>
      this.waitForJob.run(job, { ...waiting, gone }),
    );
    if (!hasEnded && !reply.raw.destroyed) throw new Unavailable();
  }
}

function inTheirWords(error: unknown, fieldOf: (pointer: string) => string): unknown {
  const problem = toProblem(error);
  const { errors } = problem.options;
  if (errors === undefined) return error;
  const theirs = errors.map(({ pointer, detail }) => ({ pointer: fieldOf(pointer), detail }));
  return new Problem(problem.code, problem.detail, { ...problem.options, errors: theirs });
}
