import { promptOf, type TokenPlan } from '@millrace/simulated-model/paced';
import type { Load } from '../load/load.ts';
import { median } from '../measure/median.ts';
import { runScript } from '../peers/run-script.ts';
import type { Figures } from '../speed/figures.ts';
import { metered, rounded } from '../speed/metered.ts';
import { LIGHT, QUICK, tokensOf, WARM_RUNS } from './plans.ts';
import type { AgentStage } from './stage.ts';

/** Runs of the agent, so many at a time. */
interface Size {
  /** what is measured */
  readonly of: string;
  readonly plan: TokenPlan;
  readonly runs: number;
  readonly atOnce: number;
}

export const SIZES: readonly Size[] = [
  { of: 'light', plan: LIGHT, runs: 10, atOnce: 10 },
  { of: 'ten', plan: QUICK, runs: 200, atOnce: 10 },
  { of: 'hundred', plan: QUICK, runs: 400, atOnce: 100 },
];

/** A server that takes longer than this has failed, milliseconds. */
const TIMEOUT_MS = 120_000;

/** One server under one load.
 *  @throws Error a run failed, or tokens were lost */
export async function measureServer(stage: AgentStage, id: string, size: Size): Promise<Figures> {
  const { plan, atOnce } = size;
  // its runs on Redis take a minute: one round of them is enough
  const runs = id === 'pure-graph' ? atOnce : size.runs;
  const server = stage.servers.get(id);
  if (server === undefined) throw new Error(`there is no server ${id}`);
  const { port, text } = server.ask(plan);
  // begun evenly where there is a pace: what comes at the same moment waits for itself
  const overMs = plan.perSecond === 0 ? 0 : 1_000;
  const load: Load = { port, request: text, streams: runs, atOnce, overMs, stamped: false };
  const { result, used } = await metered(stage, server, () =>
    stage.generator.run(load, { signal: stage.signal, timeoutMs: TIMEOUT_MS }),
  );
  const expected = runs * tokensOf(plan);
  // the state that one server sends after each step says them again: in sum they would hide an answer without any
  const isWhole = id.startsWith('pure-graph') || result.tokens === expected;
  if (!isWhole || result.fewestTokens < tokensOf(plan)) {
    const came = `${result.tokens} tokens came of ${expected}, ${result.fewestTokens} of ${tokensOf(plan)} to one answer`;
    throw new Error(`${came}; ${result.resets} answers began afresh`);
  }
  const { worker, relay, app, nginx, redis } = used.cpu;
  const perToken = (micros: number) => rounded(micros / expected);
  return {
    runsPerSecond: rounded((runs / result.wallMs) * 1e3),
    firstTokenP50Ms: rounded(result.firstToken.p50),
    firstTokenP95Ms: rounded(result.firstToken.p95),
    wholeP50Ms: rounded(result.whole.p50),
    graphMicros: perToken(worker + app),
    relayMicros: perToken(relay),
    redisMicros: perToken(redis),
    nginxMicros: perToken(nginx),
    allMicros: perToken(worker + app + relay + nginx + redis),
    bytesPerToken: rounded(result.bytes / expected),
  };
}

interface BareResult {
  readonly tokens: number;
  readonly firstTokensMs: readonly number[];
  readonly wallMs: number;
  readonly cpuMicros: number;
}

const BARE = new URL('../peers/bare/agent.ts', import.meta.url);

/** The graph with nothing around it, under the same load. */
export async function measureBare({ model }: AgentStage, { plan, runs, atOnce }: Size): Promise<Figures> {
  const { tokens, firstTokensMs, wallMs, cpuMicros } = await runBare(model.url, { plan, runs, atOnce });
  const expected = runs * tokensOf(plan);
  if (tokens !== expected) throw new Error(`the loop read ${tokens} tokens of ${expected}`);
  return {
    runsPerSecond: rounded((runs / wallMs) * 1e3),
    firstTokenP50Ms: rounded(median(firstTokensMs)),
    graphMicros: rounded(cpuMicros / expected),
    allMicros: rounded(cpuMicros / expected),
  };
}

/** @param env of the script, beyond what the load says
 *  @returns what the script has measured */
export function runBare(
  modelUrl: string,
  { plan, runs, atOnce }: Omit<Size, 'of'>,
  env: Readonly<Record<string, string>> = {},
): Promise<BareResult> {
  const load = {
    MODEL_URL: modelUrl,
    ...{ WARM_PROMPT: promptOf(QUICK), WARM_RUNS: String(WARM_RUNS) },
    ...{ PROMPT: promptOf(plan), RUNS: String(runs), AT_ONCE: String(atOnce) },
  };
  return runScript<BareResult>(BARE, { ...load, ...env });
}
