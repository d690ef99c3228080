import { LoadGenerator } from '../load/load-generator.ts';
import { langGraphAgent } from '../peers/langgraph/langgraph.ts';
import { type RunningMillraceAgent, startMillraceAgent } from '../peers/millrace/agent.ts';
import type { RunningPeer } from '../peers/peer.ts';
import { pureGraph, pureGraphInMemory } from '../peers/pure-graph/pure-graph.ts';
import type { Meters } from '../speed/metered.ts';
import { startModelProcess } from '../speed/stage.ts';
import { nameOf } from './names.ts';
import { QUICK, WARM_RUNS } from './plans.ts';

/** Everything that is measured, up at the same time so that it can take turns. */
export interface AgentStage extends Meters, AsyncDisposable {
  readonly millrace: RunningMillraceAgent;
  /** by id, Millrace among them */
  readonly servers: ReadonlyMap<string, RunningPeer>;
}

/** Starts model, generator, Millrace and the other servers; settled when each has answered often enough to be hot. */
export async function openAgentStage(signal: AbortSignal): Promise<AgentStage> {
  await using started = new AsyncDisposableStack();
  const model = await startModelProcess();
  started.use(model.child);
  const generator = started.use(await LoadGenerator.start());
  const servers = new Map<string, RunningPeer>();
  for (const { id, start } of [langGraphAgent, pureGraph, pureGraphInMemory]) {
    signal.throwIfAborted();
    console.log(`starting: ${nameOf(id)}`);
    servers.set(id, started.use(await start(model)));
  }
  console.log('starting: Millrace');
  const millrace = started.use(await startMillraceAgent(model));
  servers.set('millrace', millrace);
  for (const [id, server] of servers) {
    console.log(`warming up: ${nameOf(id)}`);
    const { port, text } = server.ask(QUICK);
    // a run of the slowest one is a minute long
    const streams = id === 'pure-graph' ? 2 : WARM_RUNS;
    const load = { port, request: text, streams, atOnce: 10, overMs: 0, stamped: false };
    await generator.run(load, { signal });
  }
  const running = started.move();
  return {
    model: { url: model.url, pid: model.child.pid },
    generator,
    servers,
    millrace,
    signal,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
