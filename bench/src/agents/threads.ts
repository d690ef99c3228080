import { promptOf, type TokenPlan } from '@millrace/simulated-model/paced';
import { Redis } from 'ioredis';
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
const RUNS = 20;

let threads = 0;

/** What a checkpoint adds: the time beyond that of the graph's own step, and the memory in Redis, from runs that differ by
 *  twenty checkpoints. */
export async function measureCheckpoint(stage: AgentStage): Promise<Figures> {
  const ownMs = (await bareMs(stage, MANY_STEPS)) - (await bareMs(stage, FEW_STEPS));
  const few = await runsInThreads(stage, FEW_STEPS);
  const many = await runsInThreads(stage, MANY_STEPS);
  return {
    checkpointMs: rounded((many.wholeMs - few.wholeMs - ownMs) / CHECKPOINTS_BETWEEN),
    checkpointBytes: Math.round((many.bytes - few.bytes) / CHECKPOINTS_BETWEEN),
    redisMicros: rounded((many.redisMicros - few.redisMicros) / CHECKPOINTS_BETWEEN),
  };
}

/** @returns milliseconds per run, one at a time */
async function bareMs({ model }: AgentStage, plan: TokenPlan): Promise<number> {
  const { wallMs } = await runBare(model.url, plan, RUNS, 1);
  return wallMs / RUNS;
}

/** Runs one after the other, each in a new thread. */
async function runsInThreads(stage: AgentStage, plan: TokenPlan) {
  const ids = Array.from({ length: RUNS }, () => newThread());
  const times: number[] = [];
  const { used } = await metered(stage, stage.millrace, async () => {
    for (const id of ids) times.push((await runIn(stage, id, plan, 'agent')).whole.p50);
  });
  const bytes = await bytesOf(stage.millrace.redisUrl, ids[0] ?? '');
  const wholeMs = times.reduce((sum, ms) => sum + ms, 0) / RUNS;
  return { wholeMs, bytes, redisMicros: used.cpu.redis / RUNS };
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
