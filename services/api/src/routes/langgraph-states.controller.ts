import { type CreateThreadBody, createThreadSchema, threadIdSchema } from '@millrace/contracts';
import { selected, type WireState, type WireThread, wireThread } from '@millrace/protocols';
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Requires } from '../auth/access.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { ThreadExists, ThreadNotFound } from '../http/problem.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { CreateThread } from '../threads/create-thread.ts';
import { DeleteThread } from '../threads/delete-thread.ts';
import { ForkThread } from '../threads/fork-thread.ts';
import { GetThread } from '../threads/get-thread.ts';
import { LangGraphStates } from './langgraph-states.ts';
import { LangGraphThreadSearch, threadCountSchema, threadSearchSchema } from './langgraph-thread-search.ts';
import { ThreadIdPipe } from './thread-id.pipe.ts';

const nothing = (why: string) =>
  z
    .unknown()
    .refine((value) => value === undefined || value === null || (Array.isArray(value) && value.length === 0), why)
    .optional();
const ttl = nothing('is not supported: the deployment says how long a thread lives');
const metadata = z
  .record(z.string(), z.string('must be a string').nullable())
  .nullish()
  .transform((given) => withoutNulls(given ?? {}));

/** The body of `POST /langgraph/threads`. Unknown fields are accepted. */
export const threadSchema = z.object({
  thread_id: threadIdSchema.nullish(),
  metadata,
  if_exists: z.enum(['raise', 'do_nothing']).nullish(),
  supersteps: nothing('is not supported: a state comes from runs'),
  ttl,
});

/** The body of `PATCH /langgraph/threads/:thread`. */
export const threadPatchSchema = z.object({ metadata, ttl });

const checkpointId = z.string().min(1).max(128);
const rootOnly = z
  .string()
  .nullish()
  .refine((value) => !value, 'is not supported: only states of the whole graph are shown');
const place = z.object({ checkpoint_id: checkpointId.nullish(), checkpoint_ns: rootOnly });
const select = z.array(z.string().max(256)).max(64).nullish();

/** The body of `POST /langgraph/threads/:thread/state/checkpoint`. */
export const statePlaceSchema = z.object({ checkpoint: place, select });

/** The body of `POST /langgraph/threads/:thread/history`. */
export const historySchema = z.object({
  limit: z.number().int().min(1).max(1_000).default(10),
  before: z.union([checkpointId, z.object({ configurable: place }), place]).nullish(),
  checkpoint: place.nullish(),
  metadata: z
    .record(z.string(), z.unknown())
    .nullish()
    .refine((value) => !value || Object.keys(value).length === 0, 'is not supported: filter what you get'),
  select,
});

/** Threads of LangGraph's clients, which are our own, and their states. @see docs/protocols.md */
@Controller('langgraph/threads')
export class LangGraphStatesController {
  constructor(
    @Inject(CreateThread) private readonly createThread: CreateThread,
    @Inject(GetThread) private readonly getThread: GetThread,
    @Inject(ForkThread) private readonly forkThread: ForkThread,
    @Inject(DeleteThread) private readonly deleteThread: DeleteThread,
    @Inject(LangGraphStates) private readonly states: LangGraphStates,
    @Inject(LangGraphThreadSearch) private readonly search: LangGraphThreadSearch,
  ) {}

  @Post()
  @HttpCode(200)
  @Requires('thread:create')
  async create(
    @Body(new ZodPipe(threadSchema.prefault({}))) body: z.output<typeof threadSchema>,
    @TheCaller() caller: Caller,
  ): Promise<WireThread> {
    const { thread_id: id, if_exists: ifExists } = body;
    const asked = createThreadSchema.parse({ ...(id ? { id } : {}), metadata: body.metadata });
    if (id) {
      const there = await this.#find(id, caller);
      if (there !== null && ifExists !== 'do_nothing') throw new ThreadExists();
      if (there !== null) return wireThread(there, null);
    }
    const { created, thread } = await this.createThread.run(asked, caller);
    if (!created && ifExists !== 'do_nothing') throw new ThreadExists();
    return wireThread(thread, {});
  }

  @Post('search')
  @HttpCode(200)
  @Requires('thread:read')
  find(
    @Body(new ZodPipe(threadSearchSchema.prefault({}))) query: z.output<typeof threadSearchSchema>,
    @TheCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Partial<WireThread>[]> {
    return this.search.run(query, { caller, reply });
  }

  @Post('count')
  @HttpCode(200)
  @Requires('thread:read')
  count(
    @Body(new ZodPipe(threadCountSchema.prefault({}))) query: z.output<typeof threadCountSchema>,
    @TheCaller() caller: Caller,
  ): Promise<number> {
    return this.search.count(query, caller);
  }

  @Get(':thread')
  @Requires('thread:read')
  get(
    @Param('thread', ThreadIdPipe) threadId: string,
    @TheCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<WireThread> {
    return this.states.thread({ threadId, caller, reply });
  }

  @Patch(':thread')
  @Requires('thread:create')
  async update(
    @Param('thread', ThreadIdPipe) threadId: string,
    @Body(new ZodPipe(threadPatchSchema.prefault({}))) { metadata: added }: z.output<typeof threadPatchSchema>,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.getThread.run({ threadId, caller });
    const { thread } = await this.createThread.run(checked({ id: threadId, metadata: added }), caller);
    if (request.headers['prefer'] === 'return=minimal') reply.code(204).send();
    else reply.send(wireThread(thread, null));
  }

  @Delete(':thread')
  @HttpCode(204)
  @Requires('thread:delete')
  delete(@Param('thread', ThreadIdPipe) threadId: string, @TheCaller() caller: Caller): Promise<void> {
    return this.deleteThread.run({ threadId, caller });
  }

  @Post(':thread/copy')
  @HttpCode(200)
  @Requires('thread:create')
  async copy(
    @Param('thread', ThreadIdPipe) threadId: string,
    @TheCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<WireThread> {
    const copy = await this.forkThread.run({ threadId, caller }, {});
    return this.states.withValues(copy, { threadId: copy.id, caller, reply });
  }

  @Get(':thread/state')
  @Requires('thread:read')
  async state(
    @Param('thread', ThreadIdPipe) threadId: string,
    @Query('select') fields: unknown,
    @TheCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Partial<WireState>> {
    return selectedState(await this.states.now({ threadId, caller, reply }), wordsIn(fields));
  }

  @Get(':thread/state/:checkpoint')
  @Requires('thread:read')
  async stateAt(
    @Param('thread', ThreadIdPipe) threadId: string,
    @Param('checkpoint', new ZodPipe(checkpointId)) checkpoint: string,
    @Query('select') fields: unknown,
    @TheCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Partial<WireState>> {
    return selectedState(await this.states.state({ threadId, caller, reply }, checkpoint), wordsIn(fields));
  }

  @Post(':thread/state/checkpoint')
  @HttpCode(200)
  @Requires('thread:read')
  async stateAtPlace(
    @Param('thread', ThreadIdPipe) threadId: string,
    @Body(new ZodPipe(statePlaceSchema)) { checkpoint, select: fields }: z.output<typeof statePlaceSchema>,
    @TheCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Partial<WireState>> {
    const state = await this.states.state({ threadId, caller, reply }, checkpoint.checkpoint_id ?? null);
    return selectedState(state, fields);
  }

  @Post(':thread/history')
  @HttpCode(200)
  @Requires('thread:read')
  async history(
    @Param('thread', ThreadIdPipe) threadId: string,
    @Body(new ZodPipe(historySchema.prefault({}))) query: z.output<typeof historySchema>,
    @TheCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Partial<WireState>[]> {
    const { limit, before, checkpoint } = query;
    const reader = { threadId, caller, reply };
    const from = checkpoint?.checkpoint_id;
    // with the state at the checkpoint itself
    const first = from && !before ? [await this.states.state(reader, from)] : [];
    const rest = { limit: limit - first.length, before: idIn(before) ?? from ?? null };
    const states = rest.limit === 0 ? first : [...first, ...(await this.states.history(reader, rest))];
    return states.map((state) => selectedState(state, query.select));
  }

  async #find(threadId: string, caller: Caller) {
    try {
      return await this.getThread.run({ threadId, caller });
    } catch (error) {
      if (error instanceof ThreadNotFound) return null;
      throw error;
    }
  }
}

function checked(body: unknown): CreateThreadBody {
  return createThreadSchema.parse(body);
}

function withoutNulls(given: Readonly<Record<string, string | null>>): Record<string, string> {
  const entries = Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== null);
  return Object.fromEntries(entries);
}

function idIn(before: z.output<typeof historySchema>['before']): string | null {
  if (before === null || before === undefined) return null;
  if (typeof before === 'string') return before;
  const named = 'configurable' in before ? before.configurable : before;
  return named.checkpoint_id ?? null;
}

function wordsIn(given: unknown): string[] {
  return [given].flat().filter((word) => typeof word === 'string');
}

/** `values.<key>` selects one channel. */
function selectedState(state: WireState, fields: readonly string[] | null | undefined): Partial<WireState> {
  const channels = (fields ?? []).filter((field) => field.startsWith('values.')).map((field) => field.slice(7));
  const whole = selected(
    state,
    fields?.map((field) => (field.startsWith('values.') ? 'values' : field)),
  );
  return channels.length === 0 || fields?.includes('values')
    ? whole
    : { ...whole, values: selected(state.values, channels) };
}
