import { NativeThreadFormat, threadCursor } from '@millrace/protocols';
import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { Requires } from '../auth/access.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { negotiate } from '../http/accept.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { StreamThread } from '../relay/stream-thread.ts';
import type { ApiSettings } from '../settings.ts';
import { SETTINGS } from '../tokens.ts';
import { cursorOf } from './cursor.ts';
import { threadQuerySchema } from './queries.ts';
import { ThreadIdPipe } from './thread-id.pipe.ts';

/** Watch a thread, or resume. @see PROTOCOL.md §10 */
@Controller('threads')
export class ThreadStreamController {
  readonly #format: NativeThreadFormat;

  constructor(
    @Inject(SETTINGS) settings: ApiSettings,
    @Inject(StreamThread) private readonly streamThread: StreamThread,
  ) {
    this.#format = new NativeThreadFormat({ retryMs: settings.MILLRACE_RETRY_MS });
  }

  @Get(':id/stream')
  @Requires('job:watch')
  stream(
    @Param('id', ThreadIdPipe) threadId: string,
    @Query(new ZodPipe(threadQuerySchema)) { tenant }: z.output<typeof threadQuerySchema>,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    negotiate(request.headers.accept, ['text/event-stream']);
    const from = cursorOf(request, this.#format);
    return this.streamThread.run(reply, {
      ...{ threadId, caller, tenant, from },
      ...{ format: this.#format, encoder: this.#format.follow() },
      cursor: from === null ? null : threadCursor(from),
      // for a reader that loses the connection before the first event
      startHeader: 'Last-Event-ID',
    });
  }
}
