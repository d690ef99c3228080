import { requestIdSchema } from '@millrace/contracts';
import { AG_UI_FORMATS, agUiRequest } from '@millrace/protocols';
import { Body, Controller, HttpCode, Inject, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Requires } from '../auth/access.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { onDisconnectOf } from '../http/on-disconnect.ts';
import { InvalidRequest } from '../http/problem.ts';
import { Pipelines } from '../jobs/pipelines/pipelines.ts';
import { StreamJob } from '../relay/stream-job.ts';
import { ForeignJobs } from './foreign-jobs.ts';

/** Names a job whose stream the client wants from its beginning, in place of a new run. */
const RESUME_HEADER = 'x-millrace-resume';

/** Runs of AG-UI: at `/ag-ui` of `chat`, at `/ag-ui/<name>` of a pipeline or an agent. @see docs/protocols.md */
@Controller('ag-ui')
export class AgUiController {
  constructor(
    @Inject(ForeignJobs) private readonly jobs: ForeignJobs,
    @Inject(Pipelines) private readonly pipelines: Pipelines,
    @Inject(StreamJob) private readonly streamJob: StreamJob,
  ) {}

  @Post()
  @HttpCode(200)
  @Requires('job:create')
  run(
    @Body() body: unknown,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.#run({ request, reply }, { body, caller, pipeline: null });
  }

  @Post(':agent')
  @HttpCode(200)
  @Requires('job:create')
  runAgent(
    @Param('agent') pipeline: string,
    @Body() body: unknown,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.#run({ request, reply }, { body, caller, pipeline });
  }

  async #run(
    exchange: { readonly request: FastifyRequest; readonly reply: FastifyReply },
    { body, caller, pipeline }: { readonly body: unknown; readonly caller: Caller; readonly pipeline: string | null },
  ): Promise<void> {
    const isAgent = pipeline !== null && (await this.pipelines.find(pipeline))?.kind === 'agent';
    const { job, jobId, instructions, version, fieldOf } = agUiRequest(body, { pipeline, isAgent });
    const format = AG_UI_FORMATS[version];
    const resumed = resumedJob(exchange.request);
    if (resumed !== null) {
      await this.streamJob.run(exchange.reply, { jobId: resumed, caller, tenant: caller.tenant, format, from: null });
      return;
    }
    const extras = {
      ...(isAgent ? {} : ({ conversation: 'whole' } as const)),
      ...(instructions === null ? {} : { instructions }),
    };
    const onDisconnect = onDisconnectOf(exchange.request) ?? job.onDisconnect;
    const asked = { caller, body: { ...job, onDisconnect }, extras, jobId, fieldOf };
    await this.jobs.stream(exchange, asked, format);
  }
}

/** @throws InvalidRequest */
function resumedJob({ headers }: FastifyRequest): string | null {
  const given = headers[RESUME_HEADER];
  if (given === undefined) return null;
  const id = requestIdSchema.safeParse(given);
  if (id.success) return id.data;
  throw new InvalidRequest('The header X-Millrace-Resume must be the id of a run.');
}
