import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promptOf, type TokenPlan } from '@millrace/simulated-model/paced';
import { Child, eventually, freePort } from '@millrace/testing';
import { processTree } from '../../measure/cpu.ts';
import type { Peer, RunningPeer } from '../peer.ts';
import { startPlainProxy } from '../plain-proxy.ts';
import { requestText } from '../request-text.ts';

const START_TIMEOUT_MS = 60_000;
const AGENT = new URL('../agent/graph.ts', import.meta.url);

/** LangGraph's own server, as its command line starts it for development: the one that needs no licence. */
export const langGraph: Peer = {
  id: 'langgraph',
  start: (model) => startLangGraph(model, new URL('graph.ts', import.meta.url)),
};

/** The same server with the agent that is measured. */
export const langGraphAgent: Peer = {
  id: 'langgraph',
  start: (model) => startLangGraph(model, AGENT),
};

async function startLangGraph(model: { readonly url: string }, file: URL): Promise<RunningPeer> {
  await using started = new AsyncDisposableStack();
  const port = await freePort();
  const project = await mkdtemp(join(tmpdir(), 'millrace-langgraph-'));
  started.defer(() => rm(project, { recursive: true, force: true }));
  // its state goes into the folder that it is started in; the graph's path must be relative to that
  const graph = relative(project, fileURLToPath(file));
  const config = { node_version: '22', dependencies: ['.'], graphs: { chat: `${graph}:graph` } };
  await writeFile(join(project, 'langgraph.json'), JSON.stringify(config));

  const child = await Child.start({
    command: process.execPath,
    args: [cli(), 'dev', '--no-browser', '--host', '127.0.0.1', '--port', String(port), '--n-jobs-per-worker', '1000'],
    cwd: project,
    env: { PATH: process.env['PATH'], HOME: project, MODEL_URL: model.url, ...WITHOUT_NETWORK },
  });
  // the command line starts a watcher, which starts the server: all of them, from the leaves
  started.defer(() => endTree(child));
  await untilItAnswers(child, port);

  const proxy = started.use(await startPlainProxy([port]));
  const running = started.move();
  return {
    ask: (plan) => ({ port: proxy.port, text: request(plan) }),
    get pids() {
      return { app: processTree(child.pid), nginx: processTree(proxy.child.pid) };
    },
    redisUrl: null,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** @throws Error the server did not come up; quotes what it wrote */
async function untilItAnswers(child: Child, port: number): Promise<void> {
  try {
    await eventually(async () => (await fetch(`http://127.0.0.1:${port}/ok`)).ok, { timeoutMs: START_TIMEOUT_MS });
  } catch (error) {
    throw new Error(`the LangGraph server did not start:\n${child.lines.join('\n')}`, { cause: error });
  }
}

/** No traces, no usage statistics, no browser: nothing leaves the machine. */
const WITHOUT_NETWORK = {
  LANGGRAPH_CLI_NO_ANALYTICS: '1',
  LANGSMITH_TRACING: 'false',
  LANGCHAIN_TRACING_V2: 'false',
  BROWSER: 'none',
  LOG_LEVEL: 'warn',
};

/** A run without a thread, token by token, kept so that it can be resumed. */
function request(plan: TokenPlan): string {
  return requestText({
    path: '/runs/stream',
    body: {
      assistant_id: 'chat',
      input: { messages: [{ role: 'user', content: promptOf(plan) }] },
      stream_mode: ['messages-tuple'],
      stream_resumable: true,
    },
  });
}

function cli(): string {
  const manifest = import.meta.resolve('@langchain/langgraph-cli/package.json');
  return fileURLToPath(new URL('dist/cli/cli.mjs', manifest));
}

async function endTree(child: Child): Promise<void> {
  for (const pid of processTree(child.pid).reverse()) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it ended with its own child
    }
  }
  await child.exited;
}
