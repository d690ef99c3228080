import { eventsRequest, LangGraphThreadFormat, positionAfter, readCommand } from '@millrace/protocols';
import { Body, Controller, HttpCode, Inject, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Requires } from '../auth/access.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { InvalidRequest } from '../http/problem.ts';
import { StreamThread } from '../relay/stream-thread.ts';
import { ThreadCommands } from './thread-commands.ts';
import { ThreadIdPipe } from './thread-id.pipe.ts';

/** LangGraph's thread protocol: commands to a thread, and everything that happens in it. @see docs/protocols.md */
@Controller('langgraph/threads')
export class LangGraphThreadsController {
  readonly #format = new LangGraphThreadFormat();

  constructor(
    @Inject(ThreadCommands) private readonly commands: ThreadCommands,
    @Inject(StreamThread) private readonly streamThread: StreamThread,
  ) {}

  @Post(':thread/commands')
  @HttpCode(200)
  @Requires('job:create')
  async command(
    @Param('thread') threadId: string,
    @Body() body: unknown,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const command = readCommand(body);
    // there is no id to answer to
    if (command === null) throw new InvalidRequest('A command is {"id", "method", "params"}.');
    return this.commands.run({ request, reply }, { command, threadId, caller });
  }

  @Post(':thread/stream/events')
  @HttpCode(200)
  @Requires('job:watch')
  async events(
    @Param('thread', ThreadIdPipe) threadId: string,
    @Body() body: unknown,
    @TheCaller() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { selection, since } = eventsRequest(body);
    const from = since === null ? null : positionAfter(since);
    await this.commands.prepare({ threadId, caller });
    await this.streamThread.run(reply, {
      ...{ threadId, caller, tenant: caller.tenant },
      ...{ format: this.#format, encoder: this.#format.follow(selection, from) },
      from: { turn: from?.turn ?? 'latest' },
      cursor: since === null ? null : `${since}`,
    });
  }
}
