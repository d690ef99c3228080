import { z } from 'zod';
import type { ZodOpenApiOperationObject, ZodOpenApiPathsObject } from 'zod-openapi';
import { operationOf } from './openapi/access.ts';
import { json } from './openapi/responses.ts';
import { ResponsesController, responseQuerySchema } from './responses.controller.ts';

const anyObject = z.record(z.string(), z.unknown());
const path = z.object({ id: z.string().describe('`resp_` and the id of the job.') });
const failure = json('An error in the form of OpenAI’s API.', z.object({ error: anyObject }));

function operation(
  handler: keyof ResponsesController & string,
  own: Pick<ZodOpenApiOperationObject, 'operationId' | 'summary' | 'requestParams' | 'requestBody'>,
): ZodOpenApiOperationObject {
  return operationOf(ResponsesController, handler, {
    ...own,
    tags: ['protocols'],
    description: 'As in OpenAI’s API, which says what the bodies hold: docs/protocols.md.',
    responses: { 200: json('A response, or a stream of its events.', anyObject), default: failure },
  });
}

/** OpenAI's Responses: what is ours to say of it. */
export const responsesPaths: ZodOpenApiPathsObject = {
  '/v1/responses': {
    post: operation('create', {
      operationId: 'createResponse',
      summary: 'Create a response of OpenAI’s Responses API',
      requestBody: { required: true, content: { 'application/json': { schema: anyObject } } },
    }),
  },
  '/v1/responses/{id}': {
    get: operation('get', {
      operationId: 'getResponse',
      summary: 'Get a response, or follow its events',
      requestParams: { path, query: responseQuerySchema },
    }),
    delete: operation('delete', {
      operationId: 'deleteResponse',
      summary: 'Cancel a response if it runs, and erase it',
      requestParams: { path },
    }),
  },
  '/v1/responses/{id}/cancel': {
    post: operation('cancel', {
      operationId: 'cancelResponse',
      summary: 'Cancel a response; one that has ended stays as it is',
      requestParams: { path },
    }),
  },
};
