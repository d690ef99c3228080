import { selected, type WireAssistant, wireAssistant, wireSchemas } from '@millrace/protocols';
import type { AnnouncedPipeline } from '@millrace/stream-log';
import { Body, Controller, Get, HttpCode, Inject, Param, Post, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Public, Requires } from '../auth/access.ts';
import { UnknownPipeline } from '../http/problem.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { Pipelines } from '../jobs/pipelines/pipelines.ts';

const anyObject = z.record(z.string(), z.unknown());
const select = z.array(z.string().max(64)).max(32).nullish();

const filter = z.object({
  graph_id: z.string().nullish(),
  name: z.string().nullish(),
  metadata: anyObject.nullish(),
});

/** The body of `POST /langgraph/assistants/search`. Unknown fields are accepted. */
export const assistantSearchSchema = filter.extend({
  limit: z.number().int().min(1).max(1_000).default(10),
  offset: z.number().int().min(0).default(0),
  sort_by: z.enum(['assistant_id', 'graph_id', 'name', 'created_at', 'updated_at']).nullish(),
  sort_order: z.enum(['asc', 'desc']).nullish(),
  select,
});

/** Assistants of LangGraph's clients: each pipeline and each agent is one, under its name. @see docs/protocols.md */
@Controller('langgraph')
export class LangGraphAssistantsController {
  constructor(@Inject(Pipelines) private readonly pipelines: Pipelines) {}

  /** What clients ask first, to see whether there is a server. */
  @Get('ok')
  @Public()
  ok(): { readonly ok: true } {
    return { ok: true };
  }

  @Get('info')
  @Public()
  info(): object {
    return { flags: { assistants: true, crons: false, langsmith: false } };
  }

  @Post('assistants/search')
  @HttpCode(200)
  @Requires('job:read')
  async search(
    @Body(new ZodPipe(assistantSearchSchema.prefault({}))) query: z.output<typeof assistantSearchSchema>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Partial<WireAssistant>[]> {
    const { limit, offset, sort_by: by, sort_order: order } = query;
    const found = (await this.#matching(query)).map(wireAssistant);
    const sorted = by ? found.toSorted((one, other) => compare(one[by], other[by])) : found;
    const ordered = order === 'desc' ? sorted.toReversed() : sorted;
    if (ordered.length > offset + limit) reply.header('X-Pagination-Next', String(offset + limit));
    return ordered.slice(offset, offset + limit).map((assistant) => selected(assistant, query.select));
  }

  @Post('assistants/count')
  @HttpCode(200)
  @Requires('job:read')
  async count(@Body(new ZodPipe(filter.prefault({}))) query: z.output<typeof filter>): Promise<number> {
    return (await this.#matching(query)).length;
  }

  @Get('assistants/:id')
  @Requires('job:read')
  async get(@Param('id') id: string): Promise<WireAssistant> {
    return wireAssistant(await this.#named(id));
  }

  @Get('assistants/:id/schemas')
  @Requires('job:read')
  async schemas(@Param('id') id: string): Promise<object> {
    return wireSchemas(await this.#named(id));
  }

  /** There is one version of each. */
  @Post('assistants/:id/versions')
  @HttpCode(200)
  @Requires('job:read')
  async versions(@Param('id') id: string): Promise<WireAssistant[]> {
    return [wireAssistant(await this.#named(id))];
  }

  async #matching({ graph_id: id, name, metadata }: z.output<typeof filter>): Promise<readonly AnnouncedPipeline[]> {
    const { items } = await this.pipelines.list();
    const word = name?.toLowerCase();
    const wanted = Object.entries(metadata ?? {}).filter(([, value]) => value !== null);
    // as all assistants of a server's own
    const areOurs = wanted.every(([key, value]) => key === 'created_by' && value === 'system');
    return items.filter(
      (pipeline) =>
        areOurs && (!id || pipeline.name === id) && (word === undefined || pipeline.name.toLowerCase().includes(word)),
    );
  }

  /** @throws UnknownPipeline */
  async #named(id: string): Promise<AnnouncedPipeline> {
    const pipeline = await this.pipelines.find(id);
    if (pipeline === null) throw new UnknownPipeline([...(await this.pipelines.known()).keys()]);
    return pipeline;
  }
}

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
