import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { ModelsController } from './models.controller.ts';
import { completionStreamQuerySchema, OpenAiChatController } from './openai-chat.controller.ts';
import { operationOf } from './openapi/access.ts';
import { json, problems } from './openapi/responses.ts';
import { modelList } from './openapi/schemas.ts';

/** The models, in our own words. */
export const modelPaths: ZodOpenApiPathsObject = {
  '/models': {
    get: operationOf(ModelsController, 'list', {
      operationId: 'listModels',
      tags: ['jobs'],
      summary: 'List the models that requests may name',
      responses: { 200: json('All of them, in one page, the default one first.', modelList), ...problems() },
    }),
  },
};

const theirs = z.record(z.string(), z.unknown());

/** OpenAI's Chat Completions, and its models. */
export const openAiChatPaths: ZodOpenApiPathsObject = {
  '/v1/chat/completions': {
    post: operationOf(OpenAiChatController, 'create', {
      operationId: 'createChatCompletion',
      tags: ['protocols'],
      summary: 'OpenAI’s Chat Completions',
      description: 'Request, answer, stream and errors are OpenAI’s: docs/protocols.md.',
      requestBody: { required: true, content: { 'application/json': { schema: theirs } } },
      responses: {
        200: json('The answer, or with `stream` a stream of chunks.', theirs),
        ...problems('INVALID_REQUEST', 'PAYLOAD_TOO_LARGE', 'UNKNOWN_PIPELINE', 'RATE_LIMITED', 'QUEUE_FULL'),
      },
    }),
  },
  '/v1/chat/completions/{id}/stream': {
    get: operationOf(OpenAiChatController, 'stream', {
      operationId: 'streamChatCompletion',
      tags: ['protocols'],
      summary: 'Watch or resume any job as chunks of OpenAI’s Chat Completions',
      description: 'The id of the job, with or without `chatcmpl-`. docs/protocols.md.',
      requestParams: {
        path: z.object({ id: z.string() }),
        query: completionStreamQuerySchema,
        header: z.object({ 'Last-Event-ID': z.string().optional().describe('Resume after this chunk.') }),
      },
      responses: {
        200: { description: 'The stream of chunks.', content: { 'text/event-stream': { schema: z.string() } } },
        204: { description: 'The cursor is the job’s last event: nothing will follow.' },
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
  '/v1/models': {
    get: operationOf(ModelsController, 'listForOpenAi', {
      operationId: 'listOpenAiModels',
      tags: ['protocols'],
      summary: 'Models, pipelines and agents, in OpenAI’s words',
      responses: { 200: json('All of them.', theirs), ...problems() },
    }),
  },
  '/v1/models/{id}': {
    get: operationOf(ModelsController, 'getForOpenAi', {
      operationId: 'getOpenAiModel',
      tags: ['protocols'],
      summary: 'One of them',
      requestParams: { path: z.object({ id: z.string() }) },
      responses: { 200: json('It.', theirs), 404: json('There is no such model.', theirs), ...problems() },
    }),
  },
};
