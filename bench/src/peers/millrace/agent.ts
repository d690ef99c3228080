import { fileURLToPath } from 'node:url';
import { promptOf, type TokenPlan } from '@millrace/simulated-model/paced';
import type { RawRequest } from '../peer.ts';
import { requestText } from '../request-text.ts';
import { type RunningMillrace, startMillrace } from './millrace.ts';

/** Millrace with the agent that is measured. */
export interface RunningMillraceAgent extends RunningMillrace {
  /** The request whose answer is the stream of the agent in a thread.
   *  @param pipeline `chat` without an agent */
  askIn(threadId: string, plan: TokenPlan, pipeline: 'agent' | 'chat'): RawRequest;
}

/** Starts Millrace as for every benchmark, and serves the agent from its `langgraph.json`.
 *  @param env beyond the settings of every run */
export async function startMillraceAgent(
  model: { readonly url: string },
  env: Readonly<Record<string, string>> = {},
): Promise<RunningMillraceAgent> {
  const graphs = fileURLToPath(new URL('../agent/langgraph.json', import.meta.url));
  const millrace = await startMillrace(model, { MILLRACE_GRAPHS: graphs, MODEL_URL: model.url, ...env });
  const { port } = millrace.ask({ tokens: 1, perSecond: 0, firstTokenMs: 0, stamped: false });
  const create = (body: object) => ({ port, text: requestText({ path: '/jobs', body }) });
  return {
    ...millrace,
    // a getter of the original
    get pids() {
      return millrace.pids;
    },
    ask: (plan) => create({ query: promptOf(plan), pipeline: 'agent' }),
    askIn: (threadId, plan, pipeline) => create({ query: promptOf(plan), pipeline, threadId }),
    [Symbol.asyncDispose]: () => millrace[Symbol.asyncDispose](),
  };
}
