import { describe, expect, it } from '@jest/globals';
import { endless } from '@millrace/simulated-model';
import { eventually } from '@millrace/testing';
import { idOf, SystemHarness } from './system-harness.ts';

/** Every word of a prompt and every delta has four bytes: so an estimate is what the model counts. */
const DELTA = 'word';
const WHOLE = Array.from({ length: 12 }, () => DELTA);
const prompt = (name: string, words: number) => [...Array.from({ length: words - 1 }, () => 'abc'), name].join(' ');

interface Sums {
  readonly jobs: number;
  readonly attempts: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly estimatedTokens: number;
  readonly cost?: number;
}

async function usageOf(system: SystemHarness): Promise<Sums | undefined> {
  return ((await (await fetch(`${system.url}/usage`)).json()) as { items: Sums[] }).items[0];
}

/** What the model itself has read and said.
 *  @param prompts only of these */
function countedBy(system: SystemHarness, prompts?: readonly string[]) {
  const requests = system.model.requests.filter((request) => prompts?.includes(request.prompt) ?? true);
  return {
    attempts: requests.length,
    inputTokens: requests.reduce((sum, request) => sum + request.prompt.split(' ').length, 0),
    outputTokens: requests.reduce((sum, { said }) => sum + said.length / DELTA.length, 0),
  };
}

describe('GET /usage', () => {
  it('has what the model itself has counted, of answers that end, fail, are cancelled, and lose their worker', async () => {
    const prices = { '*': { input: 1, output: 3 } };
    await using system = await SystemHarness.start({
      env: {
        MILLRACE_WORKER_LOCK_MS: '5000',
        MILLRACE_WORKER_STALL_CHECK_MS: '1000',
        MILLRACE_SWEEP_MS: '500',
        MILLRACE_MODEL_PRICES: JSON.stringify(prices),
      },
    });
    const [ends, fails, stops, dies] = [prompt('ends', 5), prompt('fail', 7), prompt('stop', 3), prompt('dies', 4)];
    system.model.answer(WHOLE, { to: ends });
    system.model.answer([DELTA, DELTA, { cut: true }], { to: fails });

    for (let job = 0; job < 3; job += 1) {
      await using stream = await system.ask(ends);
      await stream.collect();
      expect(stream.terminal()?.event).toBe('done');
    }
    await using failed = await system.ask(fails);
    await failed.collect();
    expect(failed.terminal()?.event).toBe('error');

    const gate = system.model.gated({ to: stops });
    await using cancelled = await system.askUntilText(stops, gate, DELTA);
    await system.cancel(idOf(cancelled));
    await cancelled.collect();

    const last = system.model.gated({ to: dies });
    await using orphan = await system.askUntilText(dies, last, DELTA);
    system.model.answer(WHOLE, { to: dies });
    await (await system.runnerOf(idOf(orphan))).kill();
    await orphan.collect();
    expect(orphan.terminal()?.event).toBe('done');

    const counted = countedBy(system);
    expect(counted.attempts).toBe(7);
    const { inputTokens, outputTokens } = counted;
    const unreported = countedBy(system, [fails, stops]);
    // the second attempt of the last job has reported its own
    const estimatedTokens = unreported.inputTokens + unreported.outputTokens + 4 + 1;
    const cost = Number(((inputTokens + 3 * outputTokens) / 1e6).toFixed(9));
    const expected = { jobs: 6, ...counted, estimatedTokens, cost };
    const settled = await eventually(async () => {
      const sums = await usageOf(system);
      return sums?.attempts === counted.attempts && sums;
    });
    expect(settled).toMatchObject(expected);
    // sweeps go on and count nothing twice
    await system.restart(system.apis[0] as (typeof system.apis)[number]);
    expect(await usageOf(system)).toMatchObject(expected);
  });
});

describe('the tokens of a day', () => {
  it('end an answer that goes far beyond what it reserved, and refuse the next one on every node', async () => {
    const limit = 400;
    await using system = await SystemHarness.start({
      env: { MILLRACE_MAX_TOKENS_PER_DAY_PER_TENANT: String(limit) },
    });
    system.model.answer(() => endless(() => DELTA));
    await using stream = await system.ask({ query: 'talk', maxTokens: 50 });
    await stream.collect();
    expect(stream.terminal()).toMatchObject({ event: 'error', data: { code: 'QUOTA_EXCEEDED', retryable: true } });
    expect(await (await system.model.request(0)).ended).toMatchObject({ by: 'client' });
    const tokens = await eventually(async () => (await usageOf(system))?.outputTokens);
    expect(tokens).toBeGreaterThan(limit);
    for (const node of [system.node(0), system.node(1)]) {
      const refused = await fetch(`${node}/jobs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: 'talk', maxTokens: 50 }),
      });
      expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([429, true]);
    }
    expect(system.model.requests).toHaveLength(1);
  });
});
