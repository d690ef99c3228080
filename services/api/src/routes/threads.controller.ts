import { createThreadSchema, forkThreadSchema, type ThreadView } from '@millrace/contracts';
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import { Requires } from '../auth/access.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { TextQuota } from '../quota/text-quota.ts';
import { CreateThread } from '../threads/create-thread.ts';
import { DeleteThread } from '../threads/delete-thread.ts';
import { ForkThread } from '../threads/fork-thread.ts';
import { GetThread } from '../threads/get-thread.ts';
import { ListThreads, type ThreadList } from '../threads/list-threads.ts';
import { type MessagePage, ThreadMessages } from '../threads/thread-messages.ts';
import { type StateHistory, ThreadState, type ThreadStateView } from '../threads/thread-state.ts';
import {
  historyQuerySchema,
  messagesQuerySchema,
  stateQuerySchema,
  threadListQuerySchema,
  threadQuerySchema,
} from './queries.ts';
import { ThreadIdPipe } from './thread-id.pipe.ts';

/** A thread that has more in Redis is large. */
const MAX_SHORT_BYTES = 64 * 1024;

/** Threads: create, get, list, read, fork, delete. @see PROTOCOL.md §10 */
@Controller('threads')
export class ThreadsController {
  constructor(
    @Inject(CreateThread) private readonly createThread: CreateThread,
    @Inject(ListThreads) private readonly listThreads: ListThreads,
    @Inject(GetThread) private readonly getThread: GetThread,
    @Inject(ThreadMessages) private readonly threadMessages: ThreadMessages,
    @Inject(ThreadState) private readonly threadState: ThreadState,
    @Inject(ForkThread) private readonly forkThread: ForkThread,
    @Inject(DeleteThread) private readonly deleteThread: DeleteThread,
    @Inject(TextQuota) private readonly textQuota: TextQuota,
  ) {}

  @Post()
  @Requires('thread:create')
  async create(
    @Body(new ZodPipe(createThreadSchema.default({}))) body: z.output<typeof createThreadSchema>,
    @TheCaller() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { created, thread } = await this.createThread.run(body, caller);
    void located(reply, thread)
      .code(created ? 201 : 200)
      .send(thread);
  }

  @Get()
  @Requires('thread:read')
  list(
    @Query(new ZodPipe(threadListQuerySchema)) query: z.output<typeof threadListQuerySchema>,
    @TheCaller() caller: Caller,
  ): Promise<ThreadList> {
    return this.listThreads.run({ caller, ...query });
  }

  @Get(':id')
  @Requires('thread:read')
  get(
    @Param('id', ThreadIdPipe) threadId: string,
    @Query(new ZodPipe(threadQuerySchema)) { tenant }: z.output<typeof threadQuerySchema>,
    @TheCaller() caller: Caller,
  ): Promise<ThreadView> {
    return this.getThread.run({ threadId, caller, tenant });
  }

  @Get(':id/messages')
  @Requires('thread:read')
  messages(
    @Param('id', ThreadIdPipe) threadId: string,
    @Query(new ZodPipe(messagesQuerySchema)) query: z.output<typeof messagesQuerySchema>,
    @TheCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MessagePage> {
    return this.threadMessages.run({ threadId, caller, ...query, admit: this.#admission(reply, caller) });
  }

  @Get(':id/state')
  @Requires('thread:read')
  state(
    @Param('id', ThreadIdPipe) threadId: string,
    @Query(new ZodPipe(stateQuerySchema)) query: z.output<typeof stateQuerySchema>,
    @TheCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ThreadStateView> {
    return this.threadState.state({ threadId, caller, ...query, admit: this.#admission(reply, caller) });
  }

  @Get(':id/history')
  @Requires('thread:read')
  history(
    @Param('id', ThreadIdPipe) threadId: string,
    @Query(new ZodPipe(historyQuerySchema)) query: z.output<typeof historyQuerySchema>,
    @TheCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StateHistory> {
    return this.threadState.history({ threadId, caller, ...query, admit: this.#admission(reply, caller) });
  }

  @Post(':id/fork')
  @Requires('thread:create')
  async fork(
    @Param('id', ThreadIdPipe) threadId: string,
    @Query(new ZodPipe(threadQuerySchema)) { tenant }: z.output<typeof threadQuerySchema>,
    @Body(new ZodPipe(forkThreadSchema.default({}))) body: z.output<typeof forkThreadSchema>,
    @TheCaller() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const thread = await this.forkThread.run({ threadId, caller, tenant }, body);
    void located(reply, thread).code(201).send(thread);
  }

  @Delete(':id')
  @HttpCode(204)
  @Requires('thread:delete')
  delete(
    @Param('id', ThreadIdPipe) threadId: string,
    @Query(new ZodPipe(threadQuerySchema)) { tenant }: z.output<typeof threadQuerySchema>,
    @TheCaller() caller: Caller,
  ): Promise<void> {
    return this.deleteThread.run({ threadId, caller, tenant });
  }

  /** A tenant reads as many large threads at a time as long texts; what is short does not wait (law 16). */
  #admission({ raw }: FastifyReply, { tenant }: Caller): (bytes: number) => Promise<void> {
    return async (bytes) => {
      if (bytes > MAX_SHORT_BYTES) await this.textQuota.acquireText(tenant, raw);
    };
  }
}

function located(reply: FastifyReply, { id }: ThreadView): FastifyReply {
  return reply.header('Location', `/threads/${id}`);
}
