import { promptOf, type TokenPlan } from '@millrace/simulated-model/paced';
import { startPostgres } from '@millrace/testing';
import { Redis } from 'ioredis';
import { startMillraceAgent } from '../peers/millrace/agent.ts';
import type { Figures } from '../speed/figures.ts';
import { metered, rounded } from '../speed/metered.ts';
import { QUICK } from './plans.ts';
import { runBare } from './servers.ts';
import type { AgentStage } from './stage.ts';

const ONE_TOKEN: TokenPlan = { ...QUICK, tokens: 1 };
const FEW_STEPS = { ...ONE_TOKEN, steps: 1 };
const MANY_STEPS = { ...ONE_TOKEN, steps: 11 };
/** A step of the agent is two of the graph, each with a checkpoint. */
const CHECKPOINTS_BETWEEN = 20;
const RUNS = 40;

let threads = 0;

/** What stores the checkpoints of the graph that is measured. */
export type Keeper = 'memory' | 'redis' | 'postgres';

/** What a checkpoint adds to the graph's own step, from runs that differ by twenty checkpoints. With Millrace, what is
 *  said in a step is in it too: it is stored first. */
export async function measureCheckpoint(stage: AgentStage, keeper: Keeper): Promise<Figures> {
  const own = difference(await bareRuns(stage, FEW_STEPS), await bareRuns(stage, MANY_STEPS));
  await using started = new AsyncDisposableStack();
  const measure = await runsOf(stage, keeper, started);
  const few = await measure(FEW_STEPS);
  const all = difference(few, await measure(MANY_STEPS));
  return {
    checkpointMs: rounded((all.ms - own.ms) / CHECKPOINTS_BETWEEN),
    graphMicros: rounded((all.micros - own.micros) / CHECKPOINTS_BETWEEN),
    ...(keeper === 'memory'
      ? {}
      : {
          redisMicros: rounded(all.redisMicros / CHECKPOINTS_BETWEEN),
          checkpointBytes: Math.round(all.bytes / CHECKPOINTS_BETWEEN),
        }),
  };
}

/** Per run. */
interface Runs {
  readonly ms: number;
  /** CPU time of the process in which the graph runs */
  readonly micros: number;
  readonly redisMicros: number;
  /** in Redis */
  readonly bytes: number;
}

function difference(few: Runs, many: Runs): Runs {
  return {
    ms: many.ms - few.ms,
    micros: many.micros - few.micros,
    redisMicros: many.redisMicros - few.redisMicros,
    bytes: many.bytes - few.bytes,
  };
}

async function runsOf(
  stage: AgentStage,
  keeper: Keeper,
  started: AsyncDisposableStack,
): Promise<(plan: TokenPlan) => Promise<Runs>> {
  if (keeper === 'memory') return (plan) => bareRuns(stage, plan, { SAVER: keeper });
  if (keeper === 'redis') return (plan) => runsInThreads(stage, plan);
  const postgres = await startPostgres();
  started.defer(() => postgres.stop());
  const millrace = started.use(await startMillraceAgent(stage.model, { MILLRACE_CHECKPOINTS: postgres.url }));
  const own = { ...stage, millrace };
  // until it is hot
  for (let nth = 0; nth < 3; nth += 1) await runsInThreads(own, MANY_STEPS);
  return (plan) => runsInThreads(own, plan);
}

async function bareRuns(
  { model }: AgentStage,
  plan: TokenPlan,
  env: Readonly<Record<string, string>> = {},
): Promise<Runs> {
  const { wallMs, cpuMicros } = await runBare(model.url, { plan, runs: RUNS, atOnce: 1 }, env);
  return { ms: wallMs / RUNS, micros: cpuMicros / RUNS, redisMicros: 0, bytes: 0 };
}

/** Runs one after the other, each in a new thread. */
async function runsInThreads(stage: AgentStage, plan: TokenPlan): Promise<Runs> {
  const ids = Array.from({ length: RUNS }, () => newThread());
  const times: number[] = [];
  const { used } = await metered(stage, stage.millrace, async () => {
    for (const id of ids) times.push((await runIn(stage, id, plan, 'agent')).whole.p50);
  });
  const bytes = await bytesOf(stage.millrace.redisUrl, ids[0] ?? '');
  const ms = times.reduce((sum, each) => sum + each, 0) / RUNS;
  return { ms, micros: used.cpu.worker / RUNS, redisMicros: used.cpu.redis / RUNS, bytes };
}

/** A new job in a thread that holds this many messages already. */
export async function measureThread(
  stage: AgentStage,
  { messages, pipeline }: { readonly messages: number; readonly pipeline: 'agent' | 'chat' },
): Promise<Figures> {
  const id = newThread();
  await fill(stage, { id, messages, pipeline });
  const plan = { ...ONE_TOKEN, steps: 0 };
  const times: { readonly first: number; readonly whole: number }[] = [];
  await runIn(stage, id, plan, pipeline);
  const { used } = await metered(stage, stage.millrace, async () => {
    for (let run = 0; run < RUNS; run += 1) {
      const { firstToken, whole } = await runIn(stage, id, plan, pipeline);
      times.push({ first: firstToken.p50, whole: whole.p50 });
    }
  });
  const middle = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  const bytes = await bytesOf(stage.millrace.redisUrl, id);
  return {
    firstTokenMs: rounded(middle(times.map(({ first }) => first))),
    wholeMs: rounded(middle(times.map(({ whole }) => whole))),
    workerMs: rounded(used.cpu.worker / RUNS / 1e3),
    redisMs: rounded(used.cpu.redis / RUNS / 1e3),
    commands: rounded(used.commands / RUNS),
    keptKiB: rounded(bytes / 1024),
  };
}

const MOST_MESSAGES = 1_000;

/** Puts messages into a thread, as many in a job as one may have. */
async function fill(
  { millrace, signal }: AgentStage,
  { id, messages, pipeline }: { readonly id: string; readonly messages: number; readonly pipeline: string },
): Promise<void> {
  for (let left = messages; left > 0; left -= MOST_MESSAGES) {
    // the answer is one more
    const count = Math.min(left, MOST_MESSAGES) - 1;
    const said = Array.from({ length: count - 1 }, (_, index) => {
      return {
        role: index % 2 === 0 ? 'user' : 'assistant',
        content: `what was said before, number ${index}, in some words`,
      };
    });
    const last = { role: 'user', content: promptOf({ ...ONE_TOKEN, steps: 0 }) };
    const response = await fetch(`${millrace.url}/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', prefer: 'wait=60' },
      body: JSON.stringify({ pipeline, threadId: id, messages: [...said, last] }),
      signal,
    });
    const job = (await response.json()) as { readonly status: unknown };
    if (job.status !== 'completed') throw new Error(`a job that fills a thread ended as ${JSON.stringify(job)}`);
  }
}

function runIn(stage: AgentStage, thread: string, plan: TokenPlan, pipeline: 'agent' | 'chat') {
  const { port, text } = stage.millrace.askIn(thread, plan, pipeline);
  const load = { port, request: text, streams: 1, atOnce: 1, overMs: 0, stamped: false };
  return stage.generator.run(load, { signal: stage.signal });
}

/** What Redis keeps of a thread. */
async function bytesOf(redisUrl: string, thread: string): Promise<number> {
  const redis = new Redis(redisUrl);
  let bytes = 0;
  for await (const page of redis.scanStream({ match: `*{thread:default.${thread}}*`, count: 1_000 })) {
    for (const key of page as string[]) bytes += (await redis.memory('USAGE', key, 'SAMPLES', 0)) ?? 0;
  }
  redis.disconnect();
  return bytes;
}

function newThread(): string {
  threads += 1;
  return `bench-${threads}`;
}
