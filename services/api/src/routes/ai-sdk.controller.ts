import { type AiSdkRequest, type AiSdkStream, aiSdkFormat, aiSdkRequest } from '@millrace/protocols';
import { JobNotFound } from '@millrace/stream-log';
import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Requires } from '../auth/access.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { TextQuota } from '../quota/text-quota.ts';
import { ChunkCount } from '../relay/chunk-count.ts';
import { StreamJob } from '../relay/stream-job.ts';
import { type Chat, Chats, type ThreadReader } from './chats.ts';
import { ForeignJobs } from './foreign-jobs.ts';

/** A state that has more in Redis waits until its tenant may read it. */
const MAX_SHORT_BYTES = 64 * 1024;

/** The query string of `GET /api/chat/:id/stream`. */
export const chatStreamQuerySchema = z.object({
  startIndex: z
    .string()
    .regex(/^-?(0|[1-9]\d{0,14})$/, 'must be a whole number')
    .optional()
    .describe('Number of the first chunk wanted, counted from 0; below 0: from the end.'),
  approvals: z
    .enum(['true', 'false'])
    .default('true')
    .describe('`false` for a client of version 5, which knows no requests to approve tool calls.'),
});

/** Chats of the AI SDK: `useChat` with its own transport, or with `WorkflowChatTransport`. @see docs/protocols.md */
@Controller('api/chat')
export class AiSdkController {
  constructor(
    @Inject(ForeignJobs) private readonly jobs: ForeignJobs,
    @Inject(Chats) private readonly chats: Chats,
    @Inject(StreamJob) private readonly streamJob: StreamJob,
    @Inject(ChunkCount) private readonly chunkCount: ChunkCount,
    @Inject(TextQuota) private readonly textQuota: TextQuota,
  ) {}

  @Post()
  @Requires('job:create')
  async send(
    @Body() body: unknown,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const asked = aiSdkRequest(body);
    const { job, fieldOf } = asked;
    const extras = await this.chats.meaningOf(asked, this.#reader(reply, caller));
    // the same request is the same, whatever its thread has become since
    const created = { caller, body: job, extras, identity: job, fieldOf };
    await this.jobs.stream({ request, reply }, created, aiSdkFormat(streamOf(asked)));
  }

  @Get(':id/stream')
  @Requires('job:watch')
  async resume(
    @Param('id') id: string,
    @Query(new ZodPipe(chatStreamQuerySchema)) { startIndex, approvals }: z.output<typeof chatStreamQuerySchema>,
    @TheCaller() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const chat = await this.chats.find(id, caller);
    const isCounted = startIndex !== undefined || chat?.kind === 'job';
    const jobId = chat === null ? null : jobOf(chat, isCounted);
    if (jobId === null) {
      if (chat === null && isCounted) throw new JobNotFound(id);
      void reply.code(204).send();
      return;
    }
    const common = { continues: false, approvals: approvals === 'true' };
    const format = aiSdkFormat(
      isCounted ? { ...common, counted: true, whenVoid: 'error' } : { ...common, counted: false, whenVoid: 'break' },
    );
    let first = Number(startIndex ?? 0);
    const named = { jobId, caller, tenant: caller.tenant };
    if (first < 0) {
      const count = await this.chunkCount.run({ ...named, format });
      reply.header('X-Workflow-Stream-Tail-Index', String(count - 1));
      first = Math.max(0, count + first);
    }
    const from = first === 0 ? null : format.positionOf(String(first));
    await this.streamJob.run(reply, { ...named, format, from });
  }

  @Post(':id/stop')
  @HttpCode(200)
  @Requires('job:cancel')
  async stop(@Param('id') id: string, @TheCaller() caller: Caller): Promise<{ cancelled: readonly string[] }> {
    const chat = await this.chats.find(id, caller);
    if (chat === null) throw new JobNotFound(id);
    return { cancelled: await this.chats.stop(chat, caller) };
  }

  #reader({ raw }: FastifyReply, caller: Caller): ThreadReader {
    return {
      caller,
      admit: async (bytes) => {
        if (bytes > MAX_SHORT_BYTES) await this.textQuota.acquireText(caller.tenant, raw);
      },
    };
  }
}

/** A client without a chat id reconnects by itself until it sees how the answer ended; one with a chat begins again. */
function streamOf({ job, continues, approvals }: AiSdkRequest): AiSdkStream {
  return { continues, approvals, counted: true, whenVoid: job.threadId === undefined ? 'error' : 'break' };
}

/** @param isCounted the reader wants the chunks of an answer that has ended, too
 *  @returns null: nothing runs */
function jobOf(chat: Chat, isCounted: boolean): string | null {
  if (chat.kind === 'job') return chat.job.jobId;
  const { activeJob, lastJob } = chat.thread;
  return activeJob ?? (isCounted ? lastJob : null);
}
