import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { endless, type ModelStep } from '@millrace/simulated-model';
import { judgeReader, ResumingReader } from '@millrace/testing';
import { idOf, SystemHarness } from '../e2e/system-harness.ts';
import { figures } from './figures.ts';

const FIRST_TOKEN_MS = 2_000;
const TOKEN_GAP_MS = 1_000;
const WHOLE_MS = 3_000;
const RETRIES = 2;
const JOBS = 20;
// how much later than documented a failure may come on a busy machine
const LATE_MS = 1_500;

let system: SystemHarness;
beforeAll(async () => {
  system = await SystemHarness.start({
    env: {
      MILLRACE_FIRST_TOKEN_TIMEOUT_MS: String(FIRST_TOKEN_MS),
      MILLRACE_TOKEN_GAP_TIMEOUT_MS: String(TOKEN_GAP_MS),
      MILLRACE_MODEL_RETRIES: String(RETRIES),
      MILLRACE_RETRY_MIN_DELAY_MS: '50',
      MILLRACE_RETRY_MAX_DELAY_MS: '100',
    },
  });
});
afterAll(() => system[Symbol.asyncDispose](), 30_000);

// the worker's clock starts before the model has the request, and a text arrives after it was sent
const EARLY_MS = 250;

/** How the model fails, and what each caller must be told. */
interface Row {
  readonly fault: string;
  readonly steps: () => Iterable<ModelStep>;
  readonly code: string;
  /** since the last action of the model, milliseconds */
  readonly afterMs: number;
  /** how often the model is called */
  readonly calls: number;
}

const ROWS: readonly Row[] = [
  {
    fault: 'connection reset mid-stream',
    // the text first, since a reset discards what is still in transit
    steps: () => ['half ', 'an ', { waitMs: 100 }, { reset: true }],
    code: 'MODEL_ERROR',
    afterMs: 0,
    calls: 1,
  },
  {
    fault: '429',
    steps: () => [{ fail: { status: 429 } }],
    code: 'MODEL_RATE_LIMITED',
    afterMs: 0,
    calls: 1 + RETRIES,
  },
  { fault: '500', steps: () => [{ fail: { status: 500 } }], code: 'MODEL_ERROR', afterMs: 0, calls: 1 + RETRIES },
  {
    fault: 'malformed chunk',
    steps: () => ['half ', 'an ', { raw: 'data: {"choices":[{\n\n' }, { silence: true }],
    code: 'MODEL_ERROR',
    afterMs: 0,
    calls: 1,
  },
  {
    fault: 'silence from the start',
    steps: () => [{ silence: true }],
    code: 'MODEL_TIMEOUT',
    afterMs: FIRST_TOKEN_MS,
    calls: 1,
  },
  {
    fault: 'silence mid-stream',
    steps: () => ['half ', 'an ', { silence: true }],
    code: 'MODEL_TIMEOUT',
    afterMs: TOKEN_GAP_MS,
    calls: 1,
  },
  { fault: 'endless answer', steps: () => endless(), code: 'TIMEOUT', afterMs: WHOLE_MS, calls: 1 },
];

describe('the model', () => {
  it.each(ROWS)('$fault: every caller gets $code, and the connection to the model is closed', async (row) => {
    const before = system.model.requests.length;
    const failures = await Promise.all(
      Array.from({ length: JOBS }, (_, index) => failure(row, `${row.fault} ${index}`)),
    );
    const delays = failures.map(({ delayMs }) => delayMs);
    figures({ soonestMs: Math.min(...delays), latestMs: Math.max(...delays) });
    expect(failures.flatMap(({ offences }) => offences)).toEqual([]);
    expect(new Set(failures.map(({ code }) => code))).toEqual(new Set([row.code]));
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(row.afterMs - EARLY_MS);
    expect(Math.max(...delays)).toBeLessThanOrEqual(row.afterMs + LATE_MS);

    const requests = system.model.requests.slice(before);
    expect(requests).toHaveLength(JOBS * row.calls);
    await Promise.all(requests.map(({ ended }) => ended));
  });
});

async function failure({ fault, steps }: Row, prompt: string) {
  system.model.answer(steps, { to: prompt, stepMs: 20 });
  const created = await system.ask({ query: prompt, ...(fault === 'endless answer' ? { timeoutMs: WHOLE_MS } : {}) });
  const url = `${system.url}/jobs/${idOf(created)}/stream`;
  const watcher = system.use(new ResumingReader(() => url, created));
  await watcher.over;
  await using log = await system.watch(idOf(created));
  await log.collect();

  const { said = '', at = 0 } = system.model.requests.findLast((request) => request.prompt === prompt) ?? {};
  // what an endless model writes after the job has ended reaches nobody
  const heard = fault === 'endless answer' && said.startsWith(watcher.text) ? watcher.text : said;
  const lastText = watcher.events.findLast(({ event }) => event === 'message')?.at ?? at;
  return {
    offences: judgeReader({ name: prompt, events: watcher.events }, log.events, { generated: [heard] }),
    code: watcher.terminal?.data.code,
    delayMs: (watcher.terminal?.at ?? 0) - (fault === 'endless answer' ? at : lastText),
  };
}
