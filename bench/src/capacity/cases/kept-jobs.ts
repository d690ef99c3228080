import { setTimeout as delay } from 'node:timers/promises';
import { RedisMeter } from '../../measure/redis-meter.ts';
import type { Figures } from '../../speed/figures.ts';
import type { Stage } from '../../speed/stage.ts';

/** Answers that are kept in Redis after their end; the last length is not fitted, but predicted. */
export const KEPT = {
  short: { tokens: 20, jobs: 800 },
  long: { tokens: 250, jobs: 240 },
  predicted: { tokens: 150, jobs: 240 },
} as const;

/** slow enough that every token is an event */
const RATE = 40;
const AT_ONCE = 60;
/** jobs before them: tables that grow once are no job's */
const COLD_JOBS = 400;
/** until the last queue entries are gone */
const SETTLE_MS = 2_500;

/** What answers leave in Redis, and what readers are sent of them. All of it is the sum of the jobs.
 *  @returns by the tokens of an answer */
export async function measureKeptJobs({ millrace, generator, signal }: Stage): Promise<[string, Figures][]> {
  using redis = new RedisMeter(millrace.redisUrl);
  const measured: [string, Figures][] = [];
  const run = async (tokens: number, jobs: number) => {
    const { port, text } = millrace.ask({ tokens, perSecond: RATE, firstTokenMs: 0, stamped: false });
    const load = { port, request: text, streams: jobs, atOnce: AT_ONCE, overMs: AT_ONCE * 5, stamped: false };
    const result = await generator.run(load, { signal });
    await delay(SETTLE_MS, undefined, { signal });
    return result;
  };
  await run(1, COLD_JOBS);
  for (const { tokens, jobs } of Object.values(KEPT)) {
    signal.throwIfAborted();
    const before = await redis.read();
    const result = await run(tokens, jobs);
    const after = await redis.read();
    if (result.tokens !== jobs * tokens) throw new Error(`${result.tokens} tokens came of ${jobs * tokens}`);
    measured.push([
      String(tokens),
      {
        jobs,
        tokens: result.tokens,
        entries: after.events - before.events,
        dataBytes: after.dataBytes - before.dataBytes,
        wireBytes: result.bytes,
      },
    ]);
  }
  return measured;
}
