import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { createDocument, type oas31, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from 'zod-openapi';
import { AgUiController } from './ag-ui.controller.ts';
import { AiSdkController, chatStreamQuerySchema } from './ai-sdk.controller.ts';
import { DurableStreamsController, durableQuerySchema } from './durable-streams.controller.ts';
import { HealthController } from './health.controller.ts';
import { JobsController } from './jobs.controller.ts';
import { operationOf } from './openapi/access.ts';
import { everyAnswer, jobHeaders, json, preferenceApplied, problems, stream } from './openapi/responses.ts';
import {
  cancelledCount,
  connection,
  createJob,
  eventId,
  health,
  job,
  jobList,
  pipelineList,
  ready,
  requestId,
  unready,
} from './openapi/schemas.ts';
import { OpenApiController } from './openapi.controller.ts';
import { accessPaths } from './openapi-access.ts';
import { anthropicPaths } from './openapi-anthropic.ts';
import { consolePaths } from './openapi-console.ts';
import { langGraphPaths } from './openapi-langgraph.ts';
import { langGraphThreadsPaths } from './openapi-langgraph-threads.ts';
import { modelPaths, openAiChatPaths } from './openapi-openai-chat.ts';
import { responsesPaths } from './openapi-responses.ts';
import { threadPaths } from './openapi-threads.ts';
import { usagePaths } from './openapi-usage.ts';
import { PipelinesController } from './pipelines.controller.ts';
import { cancelJobQuerySchema, cancelQuerySchema, getQuerySchema, jobQuerySchema, listQuerySchema } from './queries.ts';
import { StreamController } from './stream.controller.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const path = z.object({ id: requestId });

const nothingFollows = {
  description: 'The cursor is the job’s last event: nothing will follow.',
  headers: z.object({ ...everyAnswer, ...jobHeaders }),
};

function create(operationId: string, summary: string): ZodOpenApiOperationObject {
  return {
    operationId,
    tags: ['jobs'],
    summary,
    description:
      'Stores and queues a job. `Accept` decides the form of the answer. The same id or idempotency key with the same ' +
      'body re-attaches to the existing job.',
    requestParams: {
      header: z.object({
        Accept: z.string().optional().describe('`text/event-stream` (default), `text/plain` or `application/json`.'),
        'X-Request-Id': requestId.optional().describe('Chosen by the client: the id of the new job.'),
        'Last-Event-ID': eventId.optional().describe('For an event stream: resume after this event.'),
        'Idempotency-Key': z.string().min(1).max(255).optional().describe('Identifies one request of a tenant.'),
        Prefer: z
          .string()
          .optional()
          .meta({ description: 'With `Accept: application/json`: hold the answer, RFC 7240.', example: 'wait=30' }),
      }),
    },
    requestBody: { required: true, content: { 'application/json': { schema: createJob } } },
    responses: {
      200: {
        ...stream,
        description: 'The stream; as JSON the finished job, with `Prefer: wait`.',
        content: { ...stream.content, 'application/json': { schema: job } },
        headers: z.object({
          ...(stream.headers as z.ZodObject).shape,
          'Cache-Control': z.string().optional().describe('On streams: `no-cache, no-transform`.'),
          'X-Accel-Buffering': z.string().optional().describe('On streams: `no`.'),
          'Preference-Applied': preferenceApplied,
        }),
      },
      204: nothingFollows,
      202: json('The unfinished job, for `Accept: application/json`.', job, {
        ...jobHeaders,
        'Preference-Applied': preferenceApplied,
      }),
      ...problems(
        'INVALID_REQUEST',
        'INVALID_CURSOR',
        'PAYLOAD_TOO_LARGE',
        'UNSUPPORTED_MEDIA_TYPE',
        'UNKNOWN_PIPELINE',
        'MODEL_NOT_ALLOWED',
        'INVALID_INPUT',
        'IDEMPOTENCY_MISMATCH',
        'THREAD_NOT_FOUND',
        'THREAD_BUSY',
        'NOT_INTERRUPTED',
        'LOG_EXPIRED',
        'RATE_LIMITED',
        'QUOTA_EXCEEDED',
        'QUEUE_FULL',
      ),
    },
  };
}

const jobPaths: ZodOpenApiPathsObject = {
  '/jobs': {
    post: operationOf(JobsController, 'create', create('createJob', 'Ask, and stream the answer')),
    get: operationOf(JobsController, 'list', {
      operationId: 'listJobs',
      tags: ['jobs'],
      summary: 'List jobs, newest first',
      description: 'The caller’s own jobs; for admins all.',
      requestParams: { query: listQuerySchema },
      responses: {
        200: json('A page of jobs, without their text.', jobList),
        ...problems('INVALID_REQUEST', 'INVALID_CURSOR'),
      },
    }),
    delete: operationOf(JobsController, 'cancelAll', {
      operationId: 'cancelJobs',
      tags: ['jobs'],
      summary: 'Cancel all jobs of a status, a tenant, a pipeline (admin)',
      requestParams: { query: cancelQuerySchema },
      responses: { 200: json('How many were cancelled.', cancelledCount), ...problems('INVALID_REQUEST') },
    }),
  },
  '/api/langchain': {
    post: operationOf(JobsController, 'create', create('createJobAlias', 'Alias of POST /jobs')),
  },
  '/jobs/{id}': {
    get: operationOf(JobsController, 'get', {
      operationId: 'getJob',
      tags: ['jobs'],
      summary: 'Get a job',
      description: 'A long text is written at the reader’s pace.',
      requestParams: { path, query: getQuerySchema },
      responses: {
        200: json('The job.', job),
        ...problems('INVALID_REQUEST', 'JOB_NOT_FOUND', 'AMBIGUOUS_ID', 'RATE_LIMITED'),
      },
    }),
    delete: operationOf(JobsController, 'cancel', {
      operationId: 'cancelJob',
      tags: ['jobs'],
      summary: 'Cancel a job',
      description: 'Atomic and idempotent: once the answer arrives, nothing can be added to the job.',
      requestParams: { path, query: cancelJobQuerySchema },
      responses: {
        200: json('The cancelled job.', job),
        ...problems('INVALID_REQUEST', 'JOB_NOT_FOUND', 'AMBIGUOUS_ID', 'JOB_FINISHED'),
      },
    }),
  },
  '/jobs/{id}/data': {
    delete: operationOf(JobsController, 'erase', {
      operationId: 'eraseJob',
      tags: ['jobs'],
      summary: 'Erase a job that has ended',
      description: 'Record, log, and what registry and queue know of it. What its thread keeps, stays.',
      requestParams: { path, query: jobQuerySchema },
      responses: {
        204: { description: 'It is erased.', headers: z.object(everyAnswer) },
        ...problems('INVALID_REQUEST', 'JOB_NOT_FOUND', 'AMBIGUOUS_ID', 'JOB_RUNNING'),
      },
    }),
  },
  '/jobs/{id}/stream': {
    get: operationOf(StreamController, 'stream', {
      operationId: 'streamJob',
      tags: ['jobs'],
      summary: 'Watch a job, or resume after an event',
      requestParams: {
        path,
        query: jobQuerySchema.extend({
          lastEventId: eventId.optional().describe('For clients that cannot set headers.'),
        }),
        header: z.object({
          Accept: z.string().optional().describe('`text/event-stream` (default) or `text/plain`.'),
          'Last-Event-ID': eventId.optional().describe('Resume after this event; not with `text/plain`.'),
        }),
      },
      responses: {
        200: stream,
        204: nothingFollows,
        ...problems(
          'INVALID_REQUEST',
          'INVALID_CURSOR',
          'JOB_NOT_FOUND',
          'AMBIGUOUS_ID',
          'LOG_EXPIRED',
          'RATE_LIMITED',
        ),
      },
    }),
  },
};

const pipelinePaths: ZodOpenApiPathsObject = {
  '/pipelines': {
    get: operationOf(PipelinesController, 'list', {
      operationId: 'listPipelines',
      tags: ['jobs'],
      summary: 'List the pipelines and agents that workers have',
      responses: { 200: json('All of them, in one page.', pipelineList), ...problems() },
    }),
  },
};

function agUiRun(operationId: string, summary: string): ZodOpenApiOperationObject {
  return {
    ...{ operationId, tags: ['protocols'], summary },
    description: 'A run of the AG-UI protocol: docs/protocols.md.',
    requestBody: { required: true, content: { 'application/json': { schema: z.record(z.string(), z.unknown()) } } },
    responses: {
      200: stream,
      ...problems('INVALID_REQUEST', 'UNKNOWN_PIPELINE', 'NOT_INTERRUPTED', 'RATE_LIMITED', 'QUEUE_FULL'),
    },
  };
}

const agUiPaths: ZodOpenApiPathsObject = {
  '/ag-ui': { post: operationOf(AgUiController, 'run', agUiRun('runAgUi', 'Run `chat` for a client of AG-UI')) },
  '/ag-ui/{agent}': {
    post: operationOf(AgUiController, 'runAgent', {
      ...agUiRun('runAgUiAgent', 'Run a pipeline or an agent for a client of AG-UI'),
      requestParams: { path: z.object({ agent: z.string() }) },
    }),
  },
};

const chatPath = z.object({ id: z.string().describe('Of a chat, or of a job.') });

const protocolPaths: ZodOpenApiPathsObject = {
  '/api/chat': {
    post: operationOf(AiSdkController, 'send', {
      operationId: 'sendChat',
      tags: ['protocols'],
      summary: 'An answer for `useChat` of the AI SDK',
      description: 'A UI message stream: docs/protocols.md. Errors are plain text.',
      requestBody: {
        required: true,
        content: { 'application/json': { schema: z.record(z.string(), z.unknown()) } },
      },
      responses: { 200: { description: 'The chunks.', content: { 'text/event-stream': { schema: z.string() } } } },
    }),
  },
  '/api/chat/{id}/stream': {
    get: operationOf(AiSdkController, 'resume', {
      operationId: 'resumeChat',
      tags: ['protocols'],
      summary: 'The answer that a chat of the AI SDK waits for',
      description: 'docs/protocols.md',
      requestParams: { path: chatPath, query: chatStreamQuerySchema },
      responses: {
        200: { description: 'The chunks.', content: { 'text/event-stream': { schema: z.string() } } },
        204: { description: 'Nothing runs.' },
      },
    }),
  },
  '/api/chat/{id}/stop': {
    post: operationOf(AiSdkController, 'stop', {
      operationId: 'stopChat',
      tags: ['protocols'],
      summary: 'Cancel what runs and waits in a chat of the AI SDK',
      description: 'docs/protocols.md',
      requestParams: { path: chatPath },
      responses: { 200: json('The ids of the jobs.', z.object({ cancelled: z.array(requestId) })) },
    }),
  },
  ...responsesPaths,
  ...agUiPaths,
  ...anthropicPaths,
  ...langGraphPaths,
  ...langGraphThreadsPaths,
  '/v1/stream/{id}': {
    get: operationOf(DurableStreamsController, 'read', {
      operationId: 'readDurableStream',
      tags: ['protocols'],
      summary: 'The log of a job as a durable stream, for reading',
      description: 'The read side of the Durable Streams protocol: docs/protocols.md.',
      requestParams: { path, query: durableQuerySchema },
      responses: {
        200: json('Events, or with `live=sse` a stream of them.', z.array(z.record(z.string(), z.unknown()))),
        204: nothingFollows,
        ...problems('INVALID_REQUEST', 'JOB_NOT_FOUND', 'AMBIGUOUS_ID', 'LOG_EXPIRED', 'RATE_LIMITED'),
      },
    }),
  },
};

const tags = ['operations'];

const operationsPaths: ZodOpenApiPathsObject = {
  '/healthz': {
    get: operationOf(HealthController, 'healthz', {
      operationId: 'healthz',
      tags,
      summary: 'The process lives',
      responses: { 200: json('It does.', health) },
    }),
  },
  '/readyz': {
    get: operationOf(HealthController, 'readyz', {
      operationId: 'readyz',
      tags,
      summary: 'This node is ready for requests',
      responses: { 200: json('It is.', ready), 503: json('It is not, and why.', unready) },
    }),
  },
  '/connection': {
    get: operationOf(HealthController, 'connection', {
      operationId: 'connection',
      tags,
      summary: 'How this request has reached the node',
      responses: { 200: json('What the node sees of it.', connection) },
    }),
  },
  '/metrics': {
    get: operationOf(HealthController, 'prometheus', {
      operationId: 'metrics',
      tags,
      summary: 'Metrics for Prometheus',
      responses: {
        200: {
          description: 'Text exposition format.',
          headers: z.object(everyAnswer),
          content: { 'text/plain': { schema: z.string() } },
        },
      },
    }),
  },
  '/openapi.json': {
    get: operationOf(OpenApiController, 'get', {
      operationId: 'openapi',
      tags,
      summary: 'This document',
      responses: { 200: json('OpenAPI 3.1.', z.record(z.string(), z.unknown())) },
    }),
  },
};

/** The contract for machines. A test compares it with the routes. @see PROTOCOL.md */
export function openApiDocument(): oas31.OpenAPIObject {
  return createDocument({
    openapi: '3.1.1',
    info: {
      title: 'Millrace',
      version,
      description:
        'Streams of LLM answers that outlive connections, processes and deploys. HEAD is answered wherever GET is. ' +
        'An unknown method of a path gets 405 `METHOD_NOT_ALLOWED`, with `Allow`. Without keys, an unknown `Host` gets 421 ' +
        '`HOST_NOT_ALLOWED`, and a change by a page of another origin 403 `FORBIDDEN`. The scopes of an operation are the ' +
        'permissions that it requires: users have `job:…` and `thread:…`, managers also `tokens:manage`, admins all.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: [
      { name: 'jobs', description: 'Create, watch, get, cancel.' },
      { name: 'threads', description: 'Conversations: their jobs, one after the other.' },
      { name: 'access', description: 'Keys and tokens.' },
      { name: 'protocols', description: 'The same jobs in the words of other clients.' },
      { name: 'operations', description: 'For operators.' },
    ],
    components: {
      securitySchemes: {
        apiKey: {
          type: 'http',
          scheme: 'bearer',
          description: 'A key, a token or a JWT. Required unless `MILLRACE_AUTH` is `none`.',
        },
        apiKeyHeader: {
          type: 'apiKey',
          in: 'header',
          name: 'x-api-key',
          description: 'The same in another header.',
        },
      },
    },
    paths: {
      ...jobPaths,
      ...threadPaths,
      ...accessPaths,
      ...usagePaths,
      ...consolePaths,
      ...pipelinePaths,
      ...modelPaths,
      ...openAiChatPaths,
      ...protocolPaths,
      ...operationsPaths,
    },
  });
}
