import { type EventId, LOG_START } from '@millrace/contracts';
import {
  closedFrame,
  DurableStreamFormat,
  eventBefore,
  itemsJson,
  offsetAfter,
  streamCursor,
} from '@millrace/protocols';
import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Requires } from '../auth/access.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { nameRequest } from '../http/request-id.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import type { NamedJob } from '../jobs/job-access.ts';
import { StreamQuota } from '../quota/stream-quota.ts';
import { type LogPart, ReadLog } from '../relay/read-log.ts';
import { StreamJob } from '../relay/stream-job.ts';
import { JobIdPipe } from './job-id.pipe.ts';
import { jobQuerySchema } from './queries.ts';

/** How long a read with `live=long-poll` waits for an event, milliseconds: less than proxies wait for an answer. */
const LONG_POLL_MS = 20_000;

const offsetSchema = z
  .string('give one offset')
  .refine((offset) => offset === '-1' || offset === 'now' || eventBefore(offset) !== null, {
    message: 'must be -1, now, or an offset of this service',
  });

/** The query string of a durable stream. Unknown parameters are ignored. */
export const durableQuerySchema = jobQuerySchema
  .extend({
    offset: offsetSchema
      .optional()
      .describe('Where to begin: `-1` (default), `now`, or the `Stream-Next-Offset` of a read.'),
    live: z.enum(['long-poll', 'sse']).optional().describe('How to wait for more; with an offset only.'),
    cursor: z.string().max(20).optional().describe('The `Stream-Cursor` of the read before.'),
  })
  .refine(({ live, offset }) => live === undefined || offset !== undefined, {
    message: 'is needed with "live"',
    path: ['offset'],
  });

type DurableQuery = z.output<typeof durableQuerySchema>;

/** The log of a job as a durable stream, for reading. @see docs/protocols.md */
@Controller('v1/stream')
export class DurableStreamsController {
  constructor(
    @Inject(ReadLog) private readonly readLog: ReadLog,
    @Inject(StreamJob) private readonly streamJob: StreamJob,
    @Inject(StreamQuota) private readonly quota: StreamQuota,
  ) {}

  @Get(':id')
  @Requires('job:watch')
  async read(
    @Param('id', JobIdPipe) jobId: string,
    @Query(new ZodPipe(durableQuerySchema)) query: DurableQuery,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    nameRequest(reply, jobId);
    const named = { jobId, caller, tenant: query.tenant };
    reply.header('Cross-Origin-Resource-Policy', 'cross-origin');
    if (request.method === 'HEAD') return this.#describe(reply, named);
    if (query.live === 'sse') return this.#stream(reply, named, query);
    if (query.live === 'long-poll') return this.#poll(reply, named, query);
    const part = await this.readLog.run({ ...named, after: positionOf(query) });
    this.#describePart(reply, part);
    if (query.offset === 'now') reply.header('Cache-Control', 'no-store');
    else if (isKnown(reply, part, request.headers['if-none-match'])) return;
    sendItems(reply, part);
  }

  async #describe(reply: FastifyReply, named: NamedJob): Promise<void> {
    const { last, isClosed } = await this.readLog.end(named);
    reply.header('Stream-Next-Offset', offsetAfter(last)).header('Cache-Control', 'no-store');
    if (isClosed) reply.header('Stream-Closed', 'true');
    void reply.header('Content-Type', 'application/json').send();
  }

  async #poll(reply: FastifyReply, named: NamedJob, query: DurableQuery): Promise<void> {
    await this.quota.acquire(reply, named.caller);
    const gone = new AbortController();
    const leave = () => gone.abort();
    reply.raw.once('close', leave);
    const part = await this.readLog.run({
      ...{ ...named, after: positionOf(query), waitMs: LONG_POLL_MS, gone: gone.signal },
    });
    reply.raw.off('close', leave);
    if (reply.raw.destroyed) return;
    this.#describePart(reply, part);
    reply.header('Stream-Cursor', cursorOf(query)).header('Cache-Control', 'no-store');
    if (part.events.length === 0) void reply.code(204).send();
    else sendItems(reply, part);
  }

  #stream(reply: FastifyReply, named: NamedJob, query: DurableQuery): Promise<void> {
    return this.streamJob.runFrom(reply, named, async (job) => {
      const { last, isClosed } = await this.readLog.endOf(job);
      const position = positionOf(query);
      const after = position === 'end' ? last : position;
      if (isClosed && after === last) {
        reply.header('Content-Type', 'text/event-stream').header('Cache-Control', 'no-cache, no-transform');
        void reply.send(Buffer.from(closedFrame(last)));
        return null;
      }
      const format = new DurableStreamFormat({ cursor: cursorOf(query), upToDateAt: after === last ? last : null });
      return { format, from: { after, skip: 0 } };
    });
  }

  #describePart(reply: FastifyReply, { last, isUpToDate, isClosed }: LogPart): void {
    reply.header('Stream-Next-Offset', offsetAfter(last));
    if (isUpToDate) reply.header('Stream-Up-To-Date', 'true');
    if (isClosed) reply.header('Stream-Closed', 'true');
  }
}

/** Answers 304 to a client that has this part already. */
function isKnown(reply: FastifyReply, { after, last, isClosed }: LogPart, ifNoneMatch: string | undefined): boolean {
  const tag = `"${after}:${last}${isClosed ? ':closed' : ''}"`;
  reply.header('ETag', tag).header('Cache-Control', 'private, no-cache');
  if (ifNoneMatch !== tag) return false;
  void reply.code(304).send();
  return true;
}

/** As bytes: Fastify would add a charset, which JSON does not have. */
function sendItems(reply: FastifyReply, { events }: LogPart): void {
  void reply.header('Content-Type', 'application/json').send(Buffer.from(itemsJson(events)));
}

function positionOf({ offset = '-1' }: DurableQuery): EventId | 'end' {
  if (offset === 'now') return 'end';
  return eventBefore(offset) ?? LOG_START;
}

function cursorOf({ cursor }: DurableQuery): string {
  return streamCursor(Date.now(), cursor, Math.random());
}
