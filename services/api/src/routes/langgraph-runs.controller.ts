import { requestIdSchema, threadIdSchema } from '@millrace/contracts';
import {
  JOB_STATUSES,
  langGraphFormat,
  RunCollector,
  type RunStatus,
  type RunStream,
  readModes,
  runLocation,
  selected,
  type WireRun,
  wireRun,
} from '@millrace/protocols';
import { JobNotFound, type JobOutline, requireContents, viewOf } from '@millrace/stream-log';
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Requires } from '../auth/access.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { InvalidCursor, InvalidRequest, JobFinished, ThreadNotFound } from '../http/problem.ts';
import { nameRequest } from '../http/request-id.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { CancelJob } from '../jobs/cancel-job.ts';
import { EraseJob } from '../jobs/erase-job.ts';
import { JobAccess } from '../jobs/job-access.ts';
import { ListJobs } from '../jobs/list-jobs.ts';
import { StreamJob } from '../relay/stream-job.ts';
import { type Exchange, ForeignJobs } from './foreign-jobs.ts';
import { JobIdPipe } from './job-id.pipe.ts';
import { type AskedRun, LangGraphRunRequests } from './langgraph-run-requests.ts';
import { LangGraphStates } from './langgraph-states.ts';
import { ThreadIdPipe } from './thread-id.pipe.ts';

/** Runs that one request lists or cancels. */
const MOST_RUNS = 1_000;
const PAGE = 100;

const flag = z
  .string()
  .optional()
  .transform((word) => word === '1' || word === 'true');
const words = z.union([z.string(), z.array(z.string())]).optional();
const status = z.enum(['pending', 'running', 'error', 'success', 'timeout', 'interrupted']);

/** The query string of a stream of a run. Unknown parameters are ignored. */
export const runStreamQuerySchema = z.object({
  stream_mode: words.describe('What the stream holds; one, several, or a JSON list.'),
  stream_subgraphs: flag.describe('`true`: what subgraphs say, too.'),
  cancel_on_disconnect: flag.describe('`1`: the run is cancelled when this reader is lost.'),
  last_event_id: z.string().max(64).optional().describe('Like the header `Last-Event-ID`.'),
});

export const runJoinQuerySchema = runStreamQuerySchema.pick({ cancel_on_disconnect: true });

export const runListQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(MOST_RUNS).default(10),
  offset: z.coerce.number().int().min(0).max(MOST_RUNS).default(0),
  status: status.optional(),
  select: words.transform((given) => (given === undefined ? [] : [given].flat())),
});

const action = z.literal('interrupt', 'must be "interrupt": what a run did cannot be undone').default('interrupt');

export const runCancelQuerySchema = z.object({ wait: flag, action });

/** The body of `POST /langgraph/runs/cancel`. */
export const runsCancelSchema = z.object({
  thread_id: threadIdSchema.nullish(),
  run_ids: z.array(requestIdSchema).max(MOST_RUNS).nullish(),
  status: z.enum(['pending', 'running', 'all']).nullish(),
});

/** Runs of LangGraph's clients, which are our jobs. A run without a thread has the thread of its own name, which no other run
 *  can enter. @see docs/protocols.md */
@Controller('langgraph')
export class LangGraphRunsController {
  constructor(
    @Inject(ForeignJobs) private readonly jobs: ForeignJobs,
    @Inject(LangGraphRunRequests) private readonly requests: LangGraphRunRequests,
    @Inject(LangGraphStates) private readonly states: LangGraphStates,
    @Inject(JobAccess) private readonly access: JobAccess,
    @Inject(ListJobs) private readonly listJobs: ListJobs,
    @Inject(StreamJob) private readonly streamJob: StreamJob,
    @Inject(CancelJob) private readonly cancelJob: CancelJob,
    @Inject(EraseJob) private readonly eraseJob: EraseJob,
  ) {}

  @Post('threads/:thread/runs')
  @HttpCode(200)
  @Requires('job:create')
  createIn(
    @Param('thread', ThreadIdPipe) threadId: string,
    @Body() body: unknown,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.#create({ request, reply }, { body, threadId, caller });
  }

  @Post('runs')
  @HttpCode(200)
  @Requires('job:create')
  create(
    @Body() body: unknown,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.#create({ request, reply }, { body, threadId: null, caller });
  }

  @Post('threads/:thread/runs/stream')
  @HttpCode(200)
  @Requires('job:create')
  streamIn(
    @Param('thread', ThreadIdPipe) threadId: string,
    @Body() body: unknown,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.#stream({ request, reply }, { body, threadId, caller });
  }

  @Post('runs/stream')
  @HttpCode(200)
  @Requires('job:create')
  stream(
    @Body() body: unknown,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.#stream({ request, reply }, { body, threadId: null, caller });
  }

  @Post('threads/:thread/runs/wait')
  @HttpCode(200)
  @Requires('job:create')
  waitIn(
    @Param('thread', ThreadIdPipe) threadId: string,
    @Body() body: unknown,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.#wait({ request, reply }, { body, threadId, caller });
  }

  @Post('runs/wait')
  @HttpCode(200)
  @Requires('job:create')
  wait(
    @Body() body: unknown,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.#wait({ request, reply }, { body, threadId: null, caller });
  }

  @Get('threads/:thread/runs')
  @Requires('job:read')
  async list(
    @Param('thread', ThreadIdPipe) threadId: string,
    @Query(new ZodPipe(runListQuerySchema)) {
      limit,
      offset,
      status: wanted,
      select,
    }: z.output<typeof runListQuerySchema>,
    @TheCaller() caller: Caller,
  ): Promise<Partial<WireRun>[]> {
    const runs = await this.#runsOf(caller, { threadId, wanted, most: offset + limit });
    return runs.slice(offset, offset + limit).map((run) => selected(run, select));
  }

  @Get('threads/:thread/runs/:run')
  @Requires('job:read')
  async get(
    @Param('thread') threadId: string,
    @Param('run', JobIdPipe) jobId: string,
    @TheCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<WireRun> {
    const job = await this.#job(threadId, jobId, caller);
    requireContents(job);
    nameRequest(reply, jobId);
    return wireRun(viewOf(job));
  }

  @Get('threads/:thread/runs/:run/join')
  @Requires('job:watch')
  async join(
    @Param('thread') threadId: string,
    @Param('run', JobIdPipe) jobId: string,
    @Query(new ZodPipe(runJoinQuerySchema)) { cancel_on_disconnect: cancels }: z.output<typeof runJoinQuerySchema>,
    @TheCaller() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const job = await this.#job(threadId, jobId, caller);
    await this.jobs.join(reply, { job, caller, cancels }, async (told) => {
      const values = job.threadId === null ? null : await this.#valuesAfter(job, caller, reply);
      return new RunCollector(told, values);
    });
  }

  @Get('threads/:thread/runs/:run/stream')
  @Requires('job:watch')
  async watch(
    @Param('thread') threadId: string,
    @Param('run', JobIdPipe) jobId: string,
    @Query(new ZodPipe(runStreamQuerySchema)) query: z.output<typeof runStreamQuerySchema>,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.#job(threadId, jobId, caller);
    await this.#watch({ request, reply }, { jobId, caller, query });
  }

  @Get('runs/:run/stream')
  @Requires('job:watch')
  watchAlone(
    @Param('run', JobIdPipe) jobId: string,
    @Query(new ZodPipe(runStreamQuerySchema)) query: z.output<typeof runStreamQuerySchema>,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.#watch({ request, reply }, { jobId, caller, query });
  }

  /** Idempotent: one that has ended stays as it is. */
  @Post('threads/:thread/runs/:run/cancel')
  @Requires('job:cancel')
  async cancel(
    @Param('thread') threadId: string,
    @Param('run', JobIdPipe) jobId: string,
    @Query(new ZodPipe(runCancelQuerySchema)) { wait }: z.output<typeof runCancelQuerySchema>,
    @TheCaller() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.#job(threadId, jobId, caller);
    nameRequest(reply, jobId);
    await this.#cancel(jobId, caller);
    // the run has ended by now in any case
    reply.code(wait ? 204 : 202).send();
  }

  @Post('runs/cancel')
  @HttpCode(204)
  @Requires('job:cancel')
  async cancelMany(
    @Body(new ZodPipe(runsCancelSchema)) body: z.output<typeof runsCancelSchema>,
    @Query('action', new ZodPipe(action)) _: string,
    @TheCaller() caller: Caller,
  ): Promise<void> {
    const { thread_id: threadId, run_ids: ids, status: which } = body;
    if (!ids === !which) throw new InvalidRequest('Give "run_ids", or "status".');
    if (ids) {
      const jobs = await Promise.all(ids.map((jobId) => this.access.get({ jobId, caller })));
      const stranger = jobs.find((job) => threadId && threadOf(job) !== threadId);
      if (stranger !== undefined) throw new JobNotFound(stranger.jobId);
      for (const jobId of ids) await this.#cancel(jobId, caller);
      return;
    }
    const wanted = which === 'all' || !which ? (['pending', 'running'] as const) : [which];
    // those that wait go first: none of them may get the turn that the running one gives up
    for (const each of wanted) {
      const runs = await this.#runsOf(caller, { threadId: threadId ?? null, wanted: each, most: MOST_RUNS });
      for (const { run_id: jobId } of runs) await this.#cancel(jobId, caller);
    }
  }

  @Delete('threads/:thread/runs/:run')
  @HttpCode(204)
  @Requires('thread:delete')
  async delete(
    @Param('thread') threadId: string,
    @Param('run', JobIdPipe) jobId: string,
    @TheCaller() caller: Caller,
  ): Promise<void> {
    await this.#job(threadId, jobId, caller);
    await this.eraseJob.run({ jobId, caller, tenant: caller.tenant });
  }

  async #create(exchange: Exchange, source: Source): Promise<void> {
    const { foreign } = await this.#asked(exchange, source, false);
    const { reply } = exchange;
    const { caller } = source;
    using job = await this.jobs.create(exchange, foreign, { follows: false });
    const { jobId, threadId } = job;
    nameRequest(reply, jobId);
    await job.enqueued;
    const made = await this.access.get({ jobId, caller, tenant: caller.tenant });
    reply
      .header('Content-Location', runLocation({ id: jobId, threadId }))
      .send(wireRun(viewOf(made), foreign.body.onBusy ?? 'enqueue'));
  }

  async #stream(exchange: Exchange, source: Source): Promise<void> {
    const { foreign, request } = await this.#asked(exchange, source, false);
    await this.jobs.stream(exchange, foreign, langGraphFormat(request.stream));
  }

  async #wait(exchange: Exchange, source: Source): Promise<void> {
    const { foreign } = await this.#asked(exchange, source, true);
    await this.jobs.whole(exchange, foreign, (job) => new RunCollector(job));
  }

  #asked({ reply }: Exchange, source: Source, needsValues: boolean): Promise<AskedRun> {
    return this.requests.of({ ...source, reply, needsValues });
  }

  async #watch({ request, reply }: Exchange, { jobId, caller, query }: Watch): Promise<void> {
    const stream: RunStream = {
      modes: readModes(query.stream_mode, ['stream_mode']),
      subgraphs: query.stream_subgraphs,
    };
    const format = langGraphFormat(stream);
    const header = request.headers['last-event-id'];
    const cursor = (typeof header === 'string' ? header : undefined) ?? query.last_event_id ?? '';
    // clients ask for a stream from its beginning with -1
    const from = cursor === '' || cursor === '-1' ? null : format.positionOf(cursor);
    if (from === null && cursor !== '' && cursor !== '-1') throw new InvalidCursor();
    await this.streamJob.run(reply, { jobId, caller, format, from, cancels: query.cancel_on_disconnect });
  }

  /** @throws JobNotFound it is of another thread */
  async #job(threadId: string, jobId: string, caller: Caller): Promise<JobOutline> {
    const job = await this.access.get({ jobId, caller });
    if (threadOf(job) !== threadId) throw new JobNotFound(jobId);
    return job;
  }

  async #cancel(jobId: string, caller: Caller): Promise<void> {
    try {
      await this.cancelJob.run({ jobId, caller });
    } catch (error) {
      if (!(error instanceof JobFinished)) throw error;
    }
  }

  /** @returns newest first, of the caller's own tenant */
  async #runsOf(caller: Caller, { threadId, wanted, most }: Wanted): Promise<WireRun[]> {
    const runs: WireRun[] = [];
    let seen = 0;
    let cursor: string | undefined;
    const statuses = wanted === undefined ? null : new Set(JOB_STATUSES[wanted]);
    const job = statuses?.size === 1 ? { status: [...statuses][0] } : {};
    do {
      const page = await this.listJobs.run({
        ...{ caller, tenant: caller.tenant, limit: PAGE, cursor, ...job },
        ...(threadId === null ? {} : { threadId }),
      });
      runs.push(
        ...page.items.map((item) => wireRun(item)).filter((run) => wanted === undefined || run.status === wanted),
      );
      seen += PAGE;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined && runs.length < most && seen < 2 * MOST_RUNS);
    return runs;
  }

  /** The state that a run left its thread in, if the thread has not moved on since; null: it has, or is gone. */
  async #valuesAfter({ jobId, threadId }: JobOutline, caller: Caller, reply: FastifyReply): Promise<object | null> {
    try {
      return await this.states.valuesAfter(jobId, { threadId: threadId ?? '', caller, reply });
    } catch (error) {
      if (error instanceof ThreadNotFound) return null;
      throw error;
    }
  }
}

interface Source {
  readonly body: unknown;
  readonly threadId: string | null;
  readonly caller: Caller;
}

interface Watch {
  readonly jobId: string;
  readonly caller: Caller;
  readonly query: z.output<typeof runStreamQuerySchema>;
}

interface Wanted {
  /** null: all threads */
  readonly threadId: string | null;
  readonly wanted: RunStatus | undefined;
  /** how many are needed */
  readonly most: number;
}

function threadOf({ threadId, jobId }: JobOutline): string {
  return threadId ?? jobId;
}
