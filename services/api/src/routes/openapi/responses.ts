import type { ProblemCode } from '@millrace/contracts';
import { z } from 'zod';
import type { ZodOpenApiResponseObject, ZodOpenApiResponsesObject } from 'zod-openapi';
import { PROBLEMS } from '../../http/problem.ts';
import { problem, requestId, threadEventId } from './schemas.ts';
import { sseBody } from './stream-schema.ts';

const idHeader = requestId.describe('The id of the job, otherwise of this request.');
const locationHeader = z.string().describe('The path of the job.').meta({ example: '/jobs/q3kXxJm0h8Zc5v1TnR2bWd4e' });
/** The headers of every answer. */
export const everyAnswer = { 'X-Request-Id': idHeader, 'X-Content-Type-Options': z.literal('nosniff') };

const retryAfter = z.number().int().describe('Seconds.');

/** Structured fields of draft-ietf-httpapi-ratelimit-headers-11. */
const rateLimit = {
  RateLimit: z.string().optional().describe('How much is left.').meta({ example: '"requestsPerMinute";r=0;t=42' }),
  'RateLimit-Policy': z
    .string()
    .optional()
    .describe('The limit that is reached.')
    .meta({ example: '"requestsPerMinute";q=600;qu="requests";w=60' }),
};

/** The headers that some codes add. */
const CODE_HEADERS: Partial<Record<ProblemCode, z.ZodRawShape>> = {
  UNAUTHENTICATED: { 'WWW-Authenticate': z.literal('Bearer realm="millrace"') },
  RATE_LIMITED: { 'Retry-After': retryAfter, ...rateLimit },
  QUOTA_EXCEEDED: { 'Retry-After': retryAfter, ...rateLimit },
  QUEUE_FULL: { 'Retry-After': retryAfter },
  UNAVAILABLE: { 'Retry-After': retryAfter },
};

/** The failures of a route, one response for each status. */
export function problems(...codes: readonly ProblemCode[]): ZodOpenApiResponsesObject {
  return responsesOf([...codes, 'UNAVAILABLE', 'INTERNAL']);
}

/** The failures of every route that requires a permission. */
export function refusals(): ZodOpenApiResponsesObject {
  return responsesOf(['UNAUTHENTICATED', 'FORBIDDEN']);
}

/** The failure of every route whose requests count. */
export function tooManyRequests(): ZodOpenApiResponsesObject {
  return responsesOf(['RATE_LIMITED']);
}

function responsesOf(codes: readonly ProblemCode[]): ZodOpenApiResponsesObject {
  const statuses = new Set(codes.map((code) => PROBLEMS[code].status));
  return Object.fromEntries(
    [...statuses].map((status) => [
      String(status),
      problemResponse(codes.filter((code) => PROBLEMS[code].status === status)),
    ]),
  );
}

function problemResponse(codes: readonly ProblemCode[]): ZodOpenApiResponseObject {
  const further = Object.assign({}, ...codes.map((code) => CODE_HEADERS[code] ?? {})) as z.ZodRawShape;
  return {
    description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join(' '),
    headers: z.object({ ...everyAnswer, ...further }),
    content: { 'application/problem+json': { schema: problem } },
  };
}

/** A JSON answer, with the headers of every answer.
 *  @param headers further ones */
export function json(description: string, schema: z.ZodType, headers: z.ZodRawShape = {}): ZodOpenApiResponseObject {
  return {
    description,
    headers: z.object({ ...everyAnswer, ...headers }),
    content: { 'application/json': { schema } },
  };
}

const streamHeaders = {
  ...everyAnswer,
  Location: locationHeader,
  'Cache-Control': z.literal('no-cache, no-transform'),
  'X-Accel-Buffering': z.literal('no'),
};

const streamContent = {
  'text/event-stream': { schema: sseBody },
  'text/plain': {
    schema: z.string().describe('The bare text. A failed, cancelled or reset job breaks the connection off.'),
  },
};

/** A stream, the same on both routes. */
export const stream: ZodOpenApiResponseObject = {
  description: 'The stream; its headers are sent at once.',
  headers: z.object(streamHeaders),
  content: streamContent,
};

const { Location: _, ...threadStreamHeaders } = streamHeaders;

/** A stream of states, each of which replaces the last. */
export const liveStream: ZodOpenApiResponseObject = {
  description: 'The stream; its headers are sent at once.',
  headers: z.object(threadStreamHeaders),
  content: { 'text/event-stream': { schema: z.string().describe('Events with one line of JSON each.') } },
};

/** A stream of a thread's jobs. */
export const threadStream: ZodOpenApiResponseObject = {
  description: 'The stream; its headers are sent at once. The `id:` of an event is `<job>/<event id>`.',
  headers: z.object({
    ...threadStreamHeaders,
    'Last-Event-ID': threadEventId.describe('Where the stream begins: a cursor until the first event.'),
  }),
  content: { 'text/event-stream': streamContent['text/event-stream'] },
};

/** The headers of an answer that names a thread. */
export const threadHeaders = { Location: z.string().describe('The path of the thread.') };

/** The headers of an answer that names a job. */
export const jobHeaders = { Location: locationHeader };

export const preferenceApplied = z.string().optional().meta({
  description: 'Present if `Prefer: wait` was honoured.',
  example: 'wait=30',
});
