import { promptOf, type TokenPlan } from '@millrace/simulated-model/paced';
import type { LoadResult } from '../../load/load.ts';
import { cpuMicros } from '../../measure/cpu.ts';
import type { RunningMillrace } from '../../peers/millrace/millrace.ts';
import { startNchan } from '../../peers/nchan/nchan.ts';
import { requestText } from '../../peers/request-text.ts';
import { runScript } from '../../peers/run-script.ts';
import type { Case } from '../case.ts';
import type { Figures } from '../figures.ts';
import { rounded } from '../metered.ts';
import type { Stage } from '../stage.ts';

const READERS = 1_000;
const PUBLISHER = new URL('../../peers/nchan/publisher.ts', import.meta.url);

/** The model is silent until all readers are there. */
function planFor(readers: number, tokens: number): TokenPlan {
  return { tokens, perSecond: 25, firstTokenMs: 1_500 + readers, stamped: true };
}

/** One answer to many readers, each on a connection to the relay itself. */
export const FAN_OUT_CASES: readonly Case[] = [
  {
    of: 'fan-out',
    peer: 'millrace',
    title: `one answer to ${READERS} readers: Millrace`,
    everyRound: true,
    measure: (stage) => fanOutOfMillrace(stage, READERS, 100),
  },
  {
    of: 'fan-out',
    peer: 'nchan',
    title: `one answer to ${READERS} readers: nchan`,
    everyRound: true,
    measure: fanOutOfNchan,
  },
];

/** One job of Millrace to many readers: what the relay uses per token and reader. */
export async function fanOutOfMillrace(stage: Stage, readers: number, tokens: number): Promise<Figures> {
  const plan = planFor(readers, tokens);
  const id = await createJob(stage.millrace, plan);
  const { port, text } = stage.millrace.watch(id, { pastNginx: true });
  return fanOut(stage, { port, request: text, readers, tokens, pids: stage.millrace.pids.relay ?? [] });
}

async function fanOutOfNchan(stage: Stage): Promise<Figures | null> {
  await using nchan = await startNchan();
  if (nchan === null) {
    console.log('skipped: apt-get install libnginx-mod-nchan');
    return null;
  }
  const tokens = 100;
  const prompt = promptOf(planFor(READERS, tokens));
  const publishUrl = `http://127.0.0.1:${nchan.port}${nchan.publishPath}`;
  const published = runScript(PUBLISHER, { MODEL_URL: stage.model.url, PROMPT: prompt, PUBLISH_URL: publishUrl });
  const request = requestText({ method: 'GET', path: nchan.subscribePath });
  const figures = await fanOut(stage, { port: nchan.port, request, readers: READERS, tokens, pids: nchan.pids });
  await published;
  return figures;
}

interface FanOut {
  readonly port: number;
  readonly request: string;
  readonly readers: number;
  readonly tokens: number;
  /** the processes of the relay */
  readonly pids: readonly number[];
}

/** Counts from when all readers are there, so that neither connecting nor the first answer is in it. */
async function fanOut(stage: Stage, { port, request, readers, tokens, pids }: FanOut): Promise<Figures> {
  const load = { port, request, streams: readers, atOnce: readers, overMs: readers / 2, stamped: true };
  const running = stage.generator.begin(load);
  await running.open;
  const before = cpuMicros(pids);
  const result: LoadResult = await running.done;
  const used = cpuMicros(pids) - before;
  if (result.tokens !== readers * tokens) throw new Error(`${result.tokens} tokens came to ${readers} readers`);
  return {
    microsPerEventAndReader: rounded(used / result.tokens),
    delayP50Ms: rounded(result.delay.p50),
    delayP95Ms: rounded(result.delay.p95),
    delayP99Ms: rounded(result.delay.p99),
  };
}

/** @returns the job's id */
async function createJob({ url }: RunningMillrace, plan: TokenPlan): Promise<string> {
  const answer = await fetch(`${url}/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ query: promptOf(plan) }),
  });
  const { id } = (await answer.json()) as { id: string };
  return id;
}
