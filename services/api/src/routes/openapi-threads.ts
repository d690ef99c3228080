import { threadIdSchema } from '@millrace/contracts';
import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { operationOf } from './openapi/access.ts';
import { everyAnswer, json, problems, threadHeaders, threadStream } from './openapi/responses.ts';
import { threadEventId } from './openapi/schemas.ts';
import {
  createThread,
  forkThread,
  history,
  state,
  thread,
  threadList,
  threadMessages,
} from './openapi/thread-schemas.ts';
import {
  historyQuerySchema,
  messagesQuerySchema,
  stateQuerySchema,
  threadListQuerySchema,
  threadQuerySchema,
} from './queries.ts';
import { ThreadStreamController } from './thread-stream.controller.ts';
import { ThreadsController } from './threads.controller.ts';

const path = z.object({ id: threadIdSchema });
const tags = ['threads'];
const unknown = ['THREAD_NOT_FOUND', 'AMBIGUOUS_ID'] as const;
const refusedBody = ['INVALID_REQUEST', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE', 'QUOTA_EXCEEDED'] as const;

/** The paths of threads. */
export const threadPaths: ZodOpenApiPathsObject = {
  '/threads': {
    post: operationOf(ThreadsController, 'create', {
      operationId: 'createThread',
      tags,
      summary: 'Make a thread',
      description: 'With the id of a thread that exists: merges the metadata.',
      requestBody: { content: { 'application/json': { schema: createThread } } },
      responses: {
        200: json('The thread, which existed.', thread, threadHeaders),
        201: json('The new thread.', thread, threadHeaders),
        ...problems(...refusedBody, 'THREAD_BUSY'),
      },
    }),
    get: operationOf(ThreadsController, 'list', {
      operationId: 'listThreads',
      tags,
      summary: 'List threads, newest first',
      description: 'The caller’s own threads; for admins all.',
      requestParams: { query: threadListQuerySchema },
      responses: { 200: json('A page of threads.', threadList), ...problems('INVALID_REQUEST', 'INVALID_CURSOR') },
    }),
  },
  '/threads/{id}': {
    get: operationOf(ThreadsController, 'get', {
      operationId: 'getThread',
      tags,
      summary: 'Get a thread',
      requestParams: { path, query: threadQuerySchema },
      responses: { 200: json('The thread.', thread), ...problems('INVALID_REQUEST', ...unknown) },
    }),
    delete: operationOf(ThreadsController, 'delete', {
      operationId: 'deleteThread',
      tags,
      summary: 'Erase a thread',
      description: 'Cancels what runs in it, then erases the thread, its jobs and its checkpoints.',
      requestParams: { path, query: threadQuerySchema },
      responses: {
        204: { description: 'It is erased.', headers: z.object(everyAnswer) },
        ...problems('INVALID_REQUEST', ...unknown),
      },
    }),
  },
  '/threads/{id}/messages': {
    get: operationOf(ThreadsController, 'messages', {
      operationId: 'listThreadMessages',
      tags,
      summary: 'List the messages of a thread, oldest first',
      requestParams: { path, query: messagesQuerySchema },
      responses: {
        200: json('A page of messages.', threadMessages),
        ...problems('INVALID_REQUEST', 'INVALID_CURSOR', ...unknown, 'RATE_LIMITED'),
      },
    }),
  },
  '/threads/{id}/state': {
    get: operationOf(ThreadsController, 'state', {
      operationId: 'getThreadState',
      tags,
      summary: 'Get the state of a thread',
      description: 'A checkpoint of an agent; of other threads their messages.',
      requestParams: { path, query: stateQuerySchema },
      responses: { 200: json('The state.', state), ...problems('INVALID_REQUEST', ...unknown, 'RATE_LIMITED') },
    }),
  },
  '/threads/{id}/history': {
    get: operationOf(ThreadsController, 'history', {
      operationId: 'listThreadHistory',
      tags,
      summary: 'List the checkpoints of a thread, newest first',
      requestParams: { path, query: historyQuerySchema },
      responses: {
        200: json('A page of checkpoints.', history),
        ...problems('INVALID_REQUEST', 'INVALID_CURSOR', ...unknown, 'RATE_LIMITED'),
      },
    }),
  },
  '/threads/{id}/fork': {
    post: operationOf(ThreadsController, 'fork', {
      operationId: 'forkThread',
      tags,
      summary: 'Make a thread that begins where this one stands',
      requestParams: { path, query: threadQuerySchema },
      requestBody: { content: { 'application/json': { schema: forkThread } } },
      responses: {
        201: json('The new thread.', thread, threadHeaders),
        ...problems(...refusedBody, ...unknown, 'THREAD_EXISTS'),
      },
    }),
  },
  '/threads/{id}/stream': {
    get: operationOf(ThreadStreamController, 'stream', {
      operationId: 'streamThread',
      tags,
      summary: 'Watch a thread, or resume after an event',
      description:
        'Everything that happens in the thread from now on, job after job, each whole: first the job that runs, if one ' +
        'does. It ends only with the client, the node or the thread.',
      requestParams: {
        path,
        query: threadQuerySchema.extend({
          lastEventId: threadEventId.optional().describe('For clients that cannot set headers.'),
        }),
        header: z.object({ 'Last-Event-ID': threadEventId.optional().describe('Resume after this event.') }),
      },
      responses: {
        200: threadStream,
        ...problems('INVALID_REQUEST', 'INVALID_CURSOR', ...unknown, 'RATE_LIMITED'),
      },
    }),
  },
};
