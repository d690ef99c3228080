import { Controller, Delete, Get, Patch, Post, Put, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Requires } from '../auth/access.ts';
import { Problem } from '../http/problem.ts';

/** What the words of a path stand for that is not supported, and what to do instead. The first that fits counts. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/\/crons/, 'Crons are not supported: start runs from a scheduler of your own.'],
  [/\/store/, 'The store cannot be reached from outside: agents use it.'],
  [/\/batch$/, 'Batches are not supported: start the runs one by one.'],
  [/\/prune$/, 'Pruning is not supported: delete the threads.'],
  [/\/(graph|subgraphs)/, 'The graph of an assistant is not known here.'],
  [/\/assistants/, 'Assistants cannot be changed: they are the pipelines and agents of the deployment.'],
  [/\/state$/, 'A state cannot be changed from outside: start a run.'],
  [/\/stream$/, 'The runs of a thread have one stream each: /threads/:thread/runs/:run/stream.'],
];

/** Requests of LangGraph's clients that are not supported: each answer says what it is about. The status is one that no client
 *  repeats. @see docs/protocols.md */
@Controller('langgraph')
@Requires('job:read')
export class LangGraphUnsupportedController {
  @Get(['assistants/:id/graph', 'assistants/:id/subgraphs', 'assistants/:id/subgraphs/:namespace'])
  assistant(@Req() request: FastifyRequest): void {
    refuse(request);
  }

  @Get(['store/items', 'threads/:thread/stream'])
  get(@Req() request: FastifyRequest): void {
    refuse(request);
  }

  @Post([
    ...['assistants', 'assistants/:id/latest', 'threads/prune', 'threads/:thread/state', 'runs/batch', 'runs/crons'],
    ...[
      'runs/crons/search',
      'runs/crons/count',
      'threads/:thread/runs/crons',
      'store/items/search',
      'store/namespaces',
    ],
  ])
  post(@Req() request: FastifyRequest): void {
    refuse(request);
  }

  @Put(['store/items'])
  put(@Req() request: FastifyRequest): void {
    refuse(request);
  }

  @Patch(['assistants/:id', 'threads/:thread/state', 'runs/crons/:cron'])
  patch(@Req() request: FastifyRequest): void {
    refuse(request);
  }

  @Delete(['assistants/:id', 'store/items', 'runs/crons/:cron'])
  delete(@Req() request: FastifyRequest): void {
    refuse(request);
  }
}

/** @throws Problem always */
function refuse({ url }: FastifyRequest): never {
  const [path = ''] = url.split('?', 1);
  const [, reason = 'This is not supported.'] = REASONS.find(([words]) => words.test(path)) ?? [];
  throw new Problem('INVALID_REQUEST', reason, { status: 422 });
}
