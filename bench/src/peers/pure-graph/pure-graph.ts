import { promptOf, type TokenPlan } from '@millrace/simulated-model/paced';
import type { Peer, RunningPeer } from '../peer.ts';
import { requestText } from '../request-text.ts';
import { startWebApp } from '../web-app.ts';

/** Another open server for LangGraph, which runs its agents in the processes that answer requests. Two of them share a Redis,
 *  which carries their streams. */
export const pureGraph: Peer = {
  id: 'pure-graph',
  start: (model) => startPureGraph(model, true),
};

/** The same without Redis: everything is lost with its process, and nobody else can follow a run. */
export const pureGraphInMemory: Peer = {
  id: 'pure-graph-memory',
  start: (model) => startPureGraph(model, false),
};

function startPureGraph(model: { readonly url: string }, redis: boolean): Promise<RunningPeer> {
  return startWebApp({ script: new URL('app.mjs', import.meta.url), model, redis, request });
}

/** As for the other server: a run without a thread, token by token. */
function request(plan: TokenPlan): string {
  return requestText({
    path: '/runs/stream',
    body: {
      assistant_id: 'agent',
      input: { messages: [{ role: 'user', content: promptOf(plan) }] },
      stream_mode: ['messages-tuple'],
    },
  });
}
