import type { Type } from '@nestjs/common';
import { z } from 'zod';
import type { ZodOpenApiOperationObject, ZodOpenApiPathsObject } from 'zod-openapi';
import { assistantSearchSchema, LangGraphAssistantsController } from './langgraph-assistants.controller.ts';
import {
  LangGraphRunsController,
  runCancelQuerySchema,
  runJoinQuerySchema,
  runListQuerySchema,
  runStreamQuerySchema,
  runsCancelSchema,
} from './langgraph-runs.controller.ts';
import {
  historySchema,
  LangGraphStatesController,
  statePlaceSchema,
  threadPatchSchema,
  threadSchema,
} from './langgraph-states.controller.ts';
import { threadCountSchema, threadSearchSchema } from './langgraph-thread-search.ts';
import { LangGraphUnsupportedController } from './langgraph-unsupported.controller.ts';
import { operationOf } from './openapi/access.ts';
import { json } from './openapi/responses.ts';

const anyValue = z.unknown();
const anyObject = z.record(z.string(), z.unknown());
const failure = json('An error in the form of LangGraph’s server.', z.object({ detail: z.string() }).loose());

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

interface Route<C> {
  readonly handler: keyof C & string;
  /** method and path below `/langgraph` */
  readonly at: readonly [Method, string];
  readonly summary: string;
  readonly body?: z.ZodType;
  readonly query?: z.ZodObject;
}

/** The operation of a route: what its bodies hold, LangGraph's own reference says. */
function operation<C>(controller: Type<C>, { handler, at, summary, body, query }: Route<C>): ZodOpenApiOperationObject {
  const [method, path] = at;
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => [name, z.string()] as const);
  const words = path.split(/[/{}_-]+/).filter((word) => word !== '');
  return operationOf(controller, handler, {
    operationId: `${method}LangGraph${words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')}`,
    ...{ tags: ['protocols'], summary },
    description: 'As in the API of LangGraph’s server, which says what the bodies hold: docs/protocols.md.',
    requestParams: {
      ...(names.length === 0 ? {} : { path: z.object(Object.fromEntries(names)) }),
      ...(query === undefined ? {} : { query }),
    },
    ...(body === undefined ? {} : { requestBody: { content: { 'application/json': { schema: body } } } }),
    responses: { 200: json('What the client asked for.', anyValue), default: failure },
  });
}

const ASSISTANTS: readonly Route<LangGraphAssistantsController>[] = [
  { handler: 'ok', at: ['get', 'ok'], summary: 'Say that the server is there' },
  { handler: 'info', at: ['get', 'info'], summary: 'Say what the server can do' },
  {
    ...{ handler: 'search', at: ['post', 'assistants/search'], summary: 'List pipelines and agents as assistants' },
    body: assistantSearchSchema,
  },
  { handler: 'count', at: ['post', 'assistants/count'], summary: 'Count them', body: anyObject },
  { handler: 'get', at: ['get', 'assistants/{id}'], summary: 'Get one' },
  { handler: 'schemas', at: ['get', 'assistants/{id}/schemas'], summary: 'Get what it takes' },
  { handler: 'versions', at: ['post', 'assistants/{id}/versions'], summary: 'List its versions: one', body: anyObject },
];

const STATES: readonly Route<LangGraphStatesController>[] = [
  { handler: 'create', at: ['post', 'threads'], summary: 'Make a thread', body: threadSchema },
  { handler: 'find', at: ['post', 'threads/search'], summary: 'Search threads', body: threadSearchSchema },
  { handler: 'count', at: ['post', 'threads/count'], summary: 'Count threads', body: threadCountSchema },
  { handler: 'get', at: ['get', 'threads/{thread}'], summary: 'Get a thread with its values' },
  { handler: 'update', at: ['patch', 'threads/{thread}'], summary: 'Add metadata', body: threadPatchSchema },
  { handler: 'delete', at: ['delete', 'threads/{thread}'], summary: 'Delete a thread' },
  { handler: 'copy', at: ['post', 'threads/{thread}/copy'], summary: 'Copy a thread' },
  { handler: 'state', at: ['get', 'threads/{thread}/state'], summary: 'Get the state' },
  { handler: 'stateAt', at: ['get', 'threads/{thread}/state/{checkpoint}'], summary: 'Get an earlier state' },
  {
    ...{ handler: 'stateAtPlace', at: ['post', 'threads/{thread}/state/checkpoint'], summary: 'Get an earlier state' },
    body: statePlaceSchema,
  },
  { handler: 'history', at: ['post', 'threads/{thread}/history'], summary: 'List its states', body: historySchema },
];

const RUNS: readonly Route<LangGraphRunsController>[] = [
  { handler: 'createIn', at: ['post', 'threads/{thread}/runs'], summary: 'Start a run', body: anyObject },
  { handler: 'create', at: ['post', 'runs'], summary: 'Start a run without a thread', body: anyObject },
  { handler: 'streamIn', at: ['post', 'threads/{thread}/runs/stream'], summary: 'Start and follow', body: anyObject },
  { handler: 'stream', at: ['post', 'runs/stream'], summary: 'Start and follow, without a thread', body: anyObject },
  { handler: 'waitIn', at: ['post', 'threads/{thread}/runs/wait'], summary: 'Start and wait', body: anyObject },
  { handler: 'wait', at: ['post', 'runs/wait'], summary: 'Start and wait, without a thread', body: anyObject },
  { handler: 'list', at: ['get', 'threads/{thread}/runs'], summary: 'List runs', query: runListQuerySchema },
  { handler: 'get', at: ['get', 'threads/{thread}/runs/{run}'], summary: 'Get a run' },
  {
    ...{ handler: 'join', at: ['get', 'threads/{thread}/runs/{run}/join'], summary: 'Wait for a run' },
    query: runJoinQuerySchema,
  },
  {
    ...{ handler: 'watch', at: ['get', 'threads/{thread}/runs/{run}/stream'], summary: 'Follow a run' },
    query: runStreamQuerySchema,
  },
  { handler: 'watchAlone', at: ['get', 'runs/{run}/stream'], summary: 'Follow a run', query: runStreamQuerySchema },
  {
    ...{ handler: 'cancel', at: ['post', 'threads/{thread}/runs/{run}/cancel'], summary: 'Cancel a run' },
    query: runCancelQuerySchema,
  },
  { handler: 'cancelMany', at: ['post', 'runs/cancel'], summary: 'Cancel runs', body: runsCancelSchema },
  { handler: 'delete', at: ['delete', 'threads/{thread}/runs/{run}'], summary: 'Erase a run that has ended' },
];

const NOT_SUPPORTED = 'Not supported';
const UNSUPPORTED: readonly Route<LangGraphUnsupportedController>[] = [
  ...['assistants/{id}/graph', 'assistants/{id}/subgraphs', 'assistants/{id}/subgraphs/{namespace}'].map(
    (path) => ({ handler: 'assistant', at: ['get', path], summary: NOT_SUPPORTED }) as const,
  ),
  ...['store/items', 'threads/{thread}/stream'].map(
    (path) => ({ handler: 'get', at: ['get', path], summary: NOT_SUPPORTED }) as const,
  ),
  ...[
    ...['assistants', 'assistants/{id}/latest', 'threads/prune', 'threads/{thread}/state', 'runs/batch', 'runs/crons'],
    ...['runs/crons/search', 'runs/crons/count', 'threads/{thread}/runs/crons', 'store/items/search'],
    'store/namespaces',
  ].map((path) => ({ handler: 'post', at: ['post', path], summary: NOT_SUPPORTED }) as const),
  { handler: 'put', at: ['put', 'store/items'], summary: NOT_SUPPORTED },
  ...['assistants/{id}', 'threads/{thread}/state', 'runs/crons/{cron}'].map(
    (path) => ({ handler: 'patch', at: ['patch', path], summary: NOT_SUPPORTED }) as const,
  ),
  ...['assistants/{id}', 'store/items', 'runs/crons/{cron}'].map(
    (path) => ({ handler: 'delete', at: ['delete', path], summary: NOT_SUPPORTED }) as const,
  ),
];

/** The runs protocol of LangGraph: what is ours to say of it. */
export const langGraphPaths: ZodOpenApiPathsObject = pathsOf([
  ...ASSISTANTS.map((route) => ({ route, made: operation(LangGraphAssistantsController, route) })),
  ...STATES.map((route) => ({ route, made: operation(LangGraphStatesController, route) })),
  ...RUNS.map((route) => ({ route, made: operation(LangGraphRunsController, route) })),
  ...UNSUPPORTED.map((route) => ({ route, made: operation(LangGraphUnsupportedController, route) })),
]);

function pathsOf(
  routes: readonly { readonly route: Pick<Route<unknown>, 'at'>; readonly made: ZodOpenApiOperationObject }[],
): ZodOpenApiPathsObject {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const {
    route: {
      at: [method, path],
    },
    made,
  } of routes) {
    paths[`/langgraph/${path}`] = { ...paths[`/langgraph/${path}`], [method]: made };
  }
  return paths;
}
