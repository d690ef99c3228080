import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { LangGraphThreadsController } from './langgraph-threads.controller.ts';
import { operationOf } from './openapi/access.ts';
import { json } from './openapi/responses.ts';

const anyObject = z.record(z.string(), z.unknown());
const common = {
  tags: ['protocols'],
  description: 'LangGraph’s thread protocol: docs/protocols.md.',
  requestParams: { path: z.object({ thread: z.string().describe('Of a thread, which need not be there.') }) },
  requestBody: { required: true, content: { 'application/json': { schema: anyObject } } },
};

/** LangGraph's thread protocol: what is ours to say of it. */
export const langGraphThreadsPaths: ZodOpenApiPathsObject = {
  '/langgraph/threads/{thread}/commands': {
    post: operationOf(LangGraphThreadsController, 'command', {
      ...common,
      operationId: 'commandLangGraphThread',
      summary: 'Start a run of a thread, or answer its questions',
      responses: { 200: json('`success` with the id of the run, or `error` with a name.', anyObject) },
    }),
  },
  '/langgraph/threads/{thread}/stream/events': {
    post: operationOf(LangGraphThreadsController, 'events', {
      ...common,
      operationId: 'streamLangGraphThread',
      summary: 'Watch a thread: its runs, one after the other',
      responses: { 200: { description: 'Events.', content: { 'text/event-stream': { schema: z.string() } } } },
    }),
  },
};
