import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { ConsoleController } from './console.controller.ts';
import { operationOf } from './openapi/access.ts';
import { everyAnswer, json, liveStream, problems } from './openapi/responses.ts';
import { WorkersController, workerIdSchema } from './workers.controller.ts';

const tags = ['operations'];
const count = z.number().int().nonnegative();
const time = z.iso.datetime();
const path = z.object({ id: workerIdSchema });

const worker = z
  .object({
    id: workerIdSchema,
    version: z.string(),
    host: z.string(),
    state: z
      .enum(['running', 'draining', 'drained', 'stopping'])
      .describe('`draining`: it takes no jobs and still runs some; `drained`: it runs none.'),
    slots: count.describe('Jobs that it runs at a time.'),
    running: count,
    startedAt: time,
    lastSeenAt: time,
  })
  .meta({ id: 'Worker' });

const done = (description: string) => ({ 204: { description, headers: z.object(everyAnswer) } });

/** The paths for operators. */
export const consolePaths: ZodOpenApiPathsObject = {
  '/workers': {
    get: operationOf(WorkersController, 'list', {
      operationId: 'listWorkers',
      tags,
      summary: 'List the workers',
      description: 'Those that were seen within the last 15 s, the oldest first.',
      responses: {
        200: json('All workers.', z.object({ items: z.array(worker), nextCursor: z.null() })),
        ...problems('INVALID_REQUEST'),
      },
    }),
  },
  '/workers/{id}/drain': {
    post: operationOf(WorkersController, 'drain', {
      operationId: 'drainWorker',
      tags,
      summary: 'Let a worker take no more jobs',
      description:
        'The jobs that it runs go on. It hears of it within 5 s. May be repeated. An unknown one: 404 `INVALID_REQUEST`.',
      requestParams: { path },
      responses: { 200: json('The worker.', worker), ...problems('INVALID_REQUEST') },
    }),
  },
  '/workers/{id}/resume': {
    post: operationOf(WorkersController, 'resume', {
      operationId: 'resumeWorker',
      tags,
      summary: 'Let a worker take jobs again',
      description: 'It hears of it within 5 s. May be repeated. An unknown one: 404 `INVALID_REQUEST`.',
      requestParams: { path },
      responses: { 200: json('The worker.', worker), ...problems('INVALID_REQUEST') },
    }),
  },
  '/queue/pause': {
    post: operationOf(WorkersController, 'pauseQueue', {
      operationId: 'pauseQueue',
      tags,
      summary: 'Pause the queue',
      description:
        'No worker takes a job until it is resumed. Running jobs go on; new ones are accepted and wait. May be repeated.',
      responses: { ...done('It is paused.'), ...problems('INVALID_REQUEST') },
    }),
  },
  '/queue/resume': {
    post: operationOf(WorkersController, 'resumeQueue', {
      operationId: 'resumeQueue',
      tags,
      summary: 'Resume the queue',
      description: 'May be repeated.',
      responses: { ...done('It is not paused.'), ...problems('INVALID_REQUEST') },
    }),
  },
  '/console/now': {
    get: operationOf(ConsoleController, 'now', {
      operationId: 'watchService',
      tags,
      summary: 'Watch what the service does',
      description:
        'An event `service` each second with the whole state, for the console of the same release: its form may change. ' +
        'docs/console.md explains each figure. `unavailable` while Redis does not answer.',
      responses: { 200: liveStream, ...problems('INVALID_REQUEST', 'RATE_LIMITED') },
    }),
  },
};
