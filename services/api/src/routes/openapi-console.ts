import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { QueueBoard } from '../console/queue-board.ts';
import { credentialIdSchema } from './access-requests.ts';
import { ConsoleController } from './console.controller.ts';
import { findJobsQuerySchema, revealSchema, tenantsQuerySchema } from './console-requests.ts';
import { ConsoleSessionController } from './console-session.controller.ts';
import { operationOf } from './openapi/access.ts';
import { everyAnswer, json, liveStream, problems } from './openapi/responses.ts';
import { eventId, pageFields, requestId } from './openapi/schemas.ts';
import { jobQuerySchema } from './queries.ts';
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

const own = 'For the console of the same release: its form may change.';
const jobPath = z.object({ id: requestId });
const whole = z.looseObject({}).describe('docs/console.md explains the fields.');
const page = z.object({ items: z.array(whole), ...pageFields });

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
  '/console/queues': {
    get: operationOf(QueueBoard, 'admit', {
      operationId: 'showQueues',
      tags,
      summary: 'Look at the queues of BullMQ, in a browser',
      description:
        'Bull Board, which may look and change nothing. A browser needs the cookie of `POST /console/session`.',
      responses: {
        200: { description: 'The page.', headers: z.object(everyAnswer), content: { 'text/html': {} } },
        ...problems('INVALID_REQUEST'),
      },
    }),
  },
  '/console/session': {
    post: operationOf(ConsoleSessionController, 'open', {
      operationId: 'openConsoleSession',
      tags,
      summary: 'Let this browser look at the queues',
      description:
        'Sets a cookie that opens `/console/queues` alone, for 15 minutes at most. It ends with the credential of the request.',
      responses: {
        201: json('The session.', z.object({ id: credentialIdSchema, expiresAt: time })),
        ...problems('INVALID_REQUEST'),
      },
    }),
  },
  '/console/session/{id}': {
    delete: operationOf(ConsoleSessionController, 'end', {
      operationId: 'endConsoleSession',
      tags,
      summary: 'End a session',
      description: 'It holds on no node after 2 s. Also if there is none.',
      requestParams: { path: z.object({ id: credentialIdSchema }) },
      responses: { ...done('It has ended.'), ...problems('INVALID_REQUEST') },
    }),
  },
  '/console/caller': {
    get: operationOf(ConsoleController, 'caller', {
      operationId: 'readCaller',
      tags,
      summary: 'Who am I, and what may I do?',
      responses: {
        200: json('The caller.', z.object({ tenant: z.string(), role: z.string(), permissions: z.array(z.string()) })),
        ...problems('INVALID_REQUEST'),
      },
    }),
  },
  '/console/jobs': {
    get: operationOf(ConsoleController, 'jobs', {
      operationId: 'findJobs',
      tags,
      summary: 'Find jobs, without their content',
      description: `By id, or the latest ones by what they are; any page may be short. A manager finds those of the own tenant. ${own}`,
      requestParams: { query: findJobsQuerySchema },
      responses: { 200: json('A page of jobs.', page), ...problems('INVALID_REQUEST', 'INVALID_CURSOR') },
    }),
  },
  '/console/jobs/{id}': {
    get: operationOf(ConsoleController, 'job', {
      operationId: 'inspectJob',
      tags,
      summary: 'What happened to a job, without its content',
      description: `Its log as a timeline, its readers, who cancelled it. As an event stream: \`job\` with the whole state whenever something has changed, until it has ended. ${own}`,
      requestParams: { path: jobPath, query: jobQuerySchema },
      responses: {
        200: { ...json('The job.', whole), content: { 'application/json': { schema: whole }, ...liveStream.content } },
        ...problems('INVALID_REQUEST', 'JOB_NOT_FOUND', 'AMBIGUOUS_ID'),
      },
    }),
  },
  '/console/jobs/{id}/content': {
    post: operationOf(ConsoleController, 'reveal', {
      operationId: 'revealContent',
      tags,
      summary: 'Read what a job said',
      description: `The events of its log as they are stored, a page of them. Each request is in the audit log, with its reason. ${own}`,
      requestParams: { path: jobPath, query: jobQuerySchema },
      requestBody: { required: true, content: { 'application/json': { schema: revealSchema } } },
      responses: {
        200: json(
          'A page of events.',
          z.object({
            items: z.array(z.object({ id: eventId, type: z.string(), data: z.unknown() })),
            nextCursor: eventId.nullable(),
          }),
        ),
        ...problems('INVALID_REQUEST', 'JOB_NOT_FOUND', 'AMBIGUOUS_ID', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'),
      },
    }),
  },
  '/console/tenants': {
    get: operationOf(ConsoleController, 'tenants', {
      operationId: 'listTenants',
      tags,
      summary: 'List tenants with their limits and use',
      description: `By name; a manager sees the own one. ${own}`,
      requestParams: { query: tenantsQuerySchema },
      responses: { 200: json('A page of tenants.', page), ...problems('INVALID_REQUEST') },
    }),
  },
};
