import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { createDocument, type oas31, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from 'zod-openapi';
import { cancelQuerySchema, jobQuerySchema, listQuerySchema, lookQuerySchema } from '../queries.ts';
import { everyAnswer, jobHeaders, json, preferenceApplied, problems, stream } from './responses.ts';
import { cancelledCount, createJob, eventId, health, job, jobList, ready, requestId, unready } from './schemas.ts';

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
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
      'Stores and queues a job. The form of the answer depends on `Accept`. The same id or idempotency key with the ' +
      'same body re-attaches to the job that is there.',
    requestParams: {
      header: z.object({
        Accept: z.string().optional().describe('`text/event-stream` (default), `text/plain` or `application/json`.'),
        'X-Request-Id': requestId.optional().describe('Chosen by the client: the id of the new job.'),
        'Last-Event-ID': eventId.optional().describe('For an event stream: go on after this event.'),
        'Idempotency-Key': z.string().min(1).max(255).optional().describe('Stands for one request of a tenant.'),
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
      202: json('The job, still to be finished; for `Accept: application/json`.', job, {
        ...jobHeaders,
        'Preference-Applied': preferenceApplied,
      }),
      ...problems(
        'INVALID_REQUEST',
        'INVALID_CURSOR',
        'UNAUTHENTICATED',
        'PAYLOAD_TOO_LARGE',
        'UNSUPPORTED_MEDIA_TYPE',
        'UNKNOWN_PIPELINE',
        'MODEL_NOT_ALLOWED',
        'IDEMPOTENCY_MISMATCH',
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
    post: create('createJob', 'Ask, and stream the answer'),
    get: {
      operationId: 'listJobs',
      tags: ['jobs'],
      summary: 'List jobs, newest first',
      description: 'The caller’s own jobs; for admins all.',
      requestParams: { query: listQuerySchema },
      responses: {
        200: json('A page of jobs, without their text.', jobList),
        ...problems('INVALID_REQUEST', 'INVALID_CURSOR', 'UNAUTHENTICATED', 'FORBIDDEN'),
      },
    },
    delete: {
      operationId: 'cancelJobs',
      tags: ['jobs'],
      summary: 'Cancel all jobs of a status, a tenant, a pipeline (admin)',
      requestParams: { query: cancelQuerySchema },
      responses: {
        200: json('How many were cancelled.', cancelledCount),
        ...problems('INVALID_REQUEST', 'UNAUTHENTICATED', 'FORBIDDEN'),
      },
    },
  },
  '/api/langchain': { post: create('createJobAlias', 'Alias of POST /jobs') },
  '/jobs/{id}': {
    get: {
      operationId: 'getJob',
      tags: ['jobs'],
      summary: 'Look at a job',
      description: 'A long text is written at the reader’s pace.',
      requestParams: { path, query: lookQuerySchema },
      responses: {
        200: json('The job.', job),
        ...problems('INVALID_REQUEST', 'UNAUTHENTICATED', 'JOB_NOT_FOUND', 'AMBIGUOUS_ID', 'RATE_LIMITED'),
      },
    },
    delete: {
      operationId: 'cancelJob',
      tags: ['jobs'],
      summary: 'Cancel a job',
      description: 'Atomic and idempotent: when the answer arrives, nothing can be added to the job any more.',
      requestParams: { path, query: jobQuerySchema },
      responses: {
        200: json('The cancelled job.', job),
        ...problems('UNAUTHENTICATED', 'JOB_NOT_FOUND', 'AMBIGUOUS_ID', 'JOB_FINISHED'),
      },
    },
  },
  '/jobs/{id}/stream': {
    get: {
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
          'Last-Event-ID': eventId.optional().describe('Go on after this event; not with `text/plain`.'),
        }),
      },
      responses: {
        200: stream,
        204: nothingFollows,
        ...problems(
          'INVALID_REQUEST',
          'INVALID_CURSOR',
          'UNAUTHENTICATED',
          'JOB_NOT_FOUND',
          'AMBIGUOUS_ID',
          'LOG_EXPIRED',
          'RATE_LIMITED',
        ),
      },
    },
  },
};

const operationsPaths: ZodOpenApiPathsObject = {
  '/healthz': {
    get: { ...open('healthz', 'The process lives'), responses: { 200: json('It does.', health) } },
  },
  '/readyz': {
    get: {
      ...open('readyz', 'This node may be sent requests'),
      responses: { 200: json('It may.', ready), 503: json('It may not, and why.', unready) },
    },
  },
  '/metrics': {
    get: {
      ...open('metrics', 'Metrics for Prometheus'),
      responses: {
        200: {
          description: 'Text exposition format.',
          headers: z.object(everyAnswer),
          content: { 'text/plain': { schema: z.string() } },
        },
      },
    },
  },
  '/openapi.json': {
    get: {
      ...open('openapi', 'This document'),
      responses: { 200: json('OpenAPI 3.1.', z.record(z.string(), z.unknown())) },
    },
  },
};

function open(operationId: string, summary: string) {
  return { operationId, summary, tags: ['operations'], security: [] };
}

/** The contract for machines. A test holds it against the routes. @see PROTOCOL.md */
export function openApiDocument(): oas31.OpenAPIObject {
  return createDocument({
    openapi: '3.1.1',
    info: {
      title: 'Millrace',
      version,
      description:
        'Streams of LLM answers that outlive connections, processes and deploys. HEAD is answered wherever GET is. ' +
        'Another method than a path has: 405 `METHOD_NOT_ALLOWED`, with `Allow`. Without keys, a `Host` that is not known ' +
        'here: 421 `HOST_NOT_ALLOWED`; a change by a page of another origin: 403 `FORBIDDEN`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ apiKey: [] }, { apiKeyHeader: [] }],
    tags: [
      { name: 'jobs', description: 'Ask, watch, look, cancel.' },
      { name: 'operations', description: 'For those who run it.' },
    ],
    components: {
      securitySchemes: {
        apiKey: { type: 'http', scheme: 'bearer', description: 'Needed where `MILLRACE_AUTH` is `apikey`.' },
        apiKeyHeader: { type: 'apiKey', in: 'header', name: 'x-api-key', description: 'The same key, sent otherwise.' },
      },
    },
    paths: { ...jobPaths, ...operationsPaths },
  });
}
