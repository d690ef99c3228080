import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { AnthropicController } from './anthropic.controller.ts';
import { operationOf } from './openapi/access.ts';
import { json } from './openapi/responses.ts';

const anyObject = z.record(z.string(), z.unknown());
const tags = ['protocols'];
const description = 'As in Anthropic’s API, which says what the bodies hold: docs/protocols.md.';
const failure = json(
  'An error in the form of Anthropic’s API.',
  z.object({ type: z.literal('error'), error: anyObject }),
);

/** Anthropic's Messages: what is ours to say of it. */
export const anthropicPaths: ZodOpenApiPathsObject = {
  '/v1/messages': {
    post: operationOf(AnthropicController, 'create', {
      operationId: 'createMessage',
      ...{ tags, summary: 'Create a message of Anthropic’s Messages API', description },
      requestBody: { required: true, content: { 'application/json': { schema: anyObject } } },
      responses: { 200: json('A message, or a stream of its events.', anyObject), default: failure },
    }),
  },
  '/v1/messages/count_tokens': {
    post: operationOf(AnthropicController, 'countTokens', {
      operationId: 'countMessageTokens',
      ...{ tags, summary: 'Not supported', description },
      responses: { 501: failure },
    }),
  },
};
