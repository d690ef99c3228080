import { promptOf, type TokenPlan } from '@millrace/simulated-model/paced';
import type { RunningMillrace } from '../../peers/millrace/millrace.ts';
import type { Case } from '../case.ts';
import { rounded } from '../metered.ts';
import type { Stage } from '../stage.ts';

const TOKENS = 10_000;
const REPEATS = 40;

/** Two logs of the same answer: spoken at once, so that the worker merged tokens; and at a pace at which hardly any
 *  are merged, which is the dearest log to read. */
const LOGS = [
  { peer: 'millrace', perSecond: 0 },
  { peer: 'millrace, one event per token', perSecond: 1_000 },
] as const;

/** How long it takes to get an answer of ten thousand tokens, or what was missed of it, out of its log. */
export const RESUME_CASES: readonly Case[] = LOGS.map(({ peer, perSecond }) => ({
  of: 'resume',
  peer,
  title: `resume of ${TOKENS} tokens, spoken ${perSecond === 0 ? 'at once' : `at ${perSecond}/s`}`,
  everyRound: false,
  measure: async (stage) => {
    const job = await finishedJob(stage.millrace, { tokens: TOKENS, perSecond, firstTokenMs: 0, stamped: false });
    const missing = (share: number) => resumeMs(stage, job, share);
    return {
      events: job.events,
      wholeMs: await missing(1),
      halfMs: await missing(0.5),
      tenthMs: await missing(0.1),
      hundredthMs: await missing(0.01),
    };
  },
}));

interface FinishedJob {
  readonly id: string;
  readonly events: number;
}

/** Runs a job to its end.
 *  @throws Error it does not complete */
export async function finishedJob({ url }: RunningMillrace, plan: TokenPlan): Promise<FinishedJob> {
  const answer = await fetch(`${url}/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', prefer: 'wait=60' },
    body: JSON.stringify({ query: promptOf(plan) }),
  });
  const { id, status, lastEventId } = (await answer.json()) as { id: string; status: string; lastEventId: string };
  if (status !== 'completed') throw new Error(`the job is ${status}`);
  return { id, events: Number(lastEventId.split('-')[1]) };
}

/** The median time from the request, connecting included, to the last byte.
 *  @param share of the log that the reader has missed */
async function resumeMs({ millrace, generator, signal }: Stage, { id, events }: FinishedJob, share: number) {
  const seen = Math.floor(events * (1 - share));
  const { port, text } = millrace.watch(id, seen === 0 ? {} : { after: `1-${seen}` });
  const load = { port, request: text, streams: REPEATS, atOnce: 1, overMs: 0, stamped: false };
  return rounded((await generator.run(load, { signal })).whole.p50);
}
