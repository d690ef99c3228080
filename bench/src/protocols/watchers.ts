/** What many readers of one job cost the API, when they read it in several protocols. */
import { promptOf } from '@millrace/simulated-model/paced';
import type { LoadGenerator } from '../load/load-generator.ts';
import { cpuMicros } from '../measure/cpu.ts';
import type { RunningMillrace } from '../peers/millrace/millrace.ts';
import { requestText } from '../peers/request-text.ts';
import type { Figures } from '../speed/figures.ts';
import { rounded } from '../speed/metered.ts';

/** Where each protocol reads a job that is there. */
const PATHS: Readonly<Record<string, (id: string) => string>> = {
  native: (id) => `/jobs/${id}/stream`,
  'openai-chat': (id) => `/v1/chat/completions/${id}/stream`,
  'ai-sdk': (id) => `/api/chat/${id}/stream?startIndex=0`,
  'durable-streams': (id) => `/v1/stream/${id}?offset=-1&live=sse`,
};
export const WATCHED = Object.keys(PATHS);

/** readers of each protocol */
const READERS = 250;
const TOKENS = 100;

interface Watched {
  readonly millrace: RunningMillrace;
  /** one for each protocol at a time */
  readonly generators: readonly LoadGenerator[];
}

/** One job to 250 readers of each of some protocols, without nginx: µs of the API's processor time in all. It counts from when
 *  all readers are there. */
export async function watch({ millrace, generators }: Watched, protocols: readonly string[]): Promise<Figures> {
  // the model is silent until all readers are there
  const plan = { tokens: TOKENS, perSecond: 25, firstTokenMs: 2_500, stamped: false };
  const id = await createJob(millrace, promptOf(plan));
  const port = new URL(millrace.api.url).port;
  const loads = protocols.map((protocol, nth) => {
    const path = PATHS[protocol]?.(id) ?? '';
    const request = requestText({ method: 'GET', path });
    const load = { port: Number(port), request, streams: READERS, atOnce: READERS, overMs: 500, stamped: false };
    return (generators[nth] as LoadGenerator).begin(load);
  });
  await Promise.all(loads.map(({ open }) => open));
  const before = cpuMicros([millrace.api.pid]);
  const results = await Promise.all(loads.map(({ done }) => done));
  const used = cpuMicros([millrace.api.pid]) - before;
  for (const { tokens, failure } of results) {
    if (tokens !== READERS * TOKENS) throw new Error(`${tokens} tokens came to ${READERS} readers: ${failure}`);
  }
  return { apiMicros: rounded(used), microsPerTokenAndReader: rounded(used / (protocols.length * READERS * TOKENS)) };
}

async function createJob({ url }: RunningMillrace, query: string): Promise<string> {
  const headers = { 'content-type': 'application/json', accept: 'application/json' };
  const answer = await fetch(`${url}/jobs`, { method: 'POST', headers, body: JSON.stringify({ query }) });
  return ((await answer.json()) as { id: string }).id;
}
