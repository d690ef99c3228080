/** The server in one process, set up as its documentation has it for Hono. Plain Redis (`REDIS_URL`) carries its streams; its
 *  checkpoints stay in memory, as its saver for Redis needs modules that a plain Redis does not have. */
import { serve } from '@hono/node-server';
import { registerGraph } from '@langgraph-js/pure-graph';
import langGraph from '@langgraph-js/pure-graph/dist/adapter/hono/index.js';
import { Hono } from 'hono';
import { graph } from '../agent/graph.ts';
import { listening } from '../app-process.ts';

await registerGraph('agent', graph);
const app = new Hono();
app.route('/', langGraph);
serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, (address) => listening(address));
