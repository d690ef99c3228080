import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '@millrace/testing';
import type { SystemHarness } from '../e2e/system-harness.ts';
import type { Load } from './load.ts';

const BETWEEN_CALLS_MS = 200;

/** The answer to one call, and how long it took, milliseconds. */
interface Call {
  readonly what: string;
  readonly status: number;
  readonly retryAfter: string | null;
  readonly ms: number;
}

/** Repeats every kind of call to the service while Redis is away.
 *  @param ms for how long
 *  @returns every call that was not answered with 503 and a `Retry-After` within 2 s; how long the slowest took */
export async function callMeanwhile(system: SystemHarness, id: string, ms: number) {
  const until = performance.now() + ms;
  const calls: Call[] = [];
  const again = async (what: string, path: string, init: RequestInit) => {
    for (let node = 0; performance.now() < until; node += 1) {
      const base = [system.url, ...system.apis.map(({ url }) => url)][node % 3];
      const askedAt = performance.now();
      const answer = await fetch(`${base}${path}`, init);
      await answer.body?.cancel();
      const retryAfter = answer.headers.get('retry-after');
      calls.push({ what, status: answer.status, retryAfter, ms: performance.now() - askedAt });
      await delay(Math.max(0, Math.min(BETWEEN_CALLS_MS, until - performance.now())));
    }
  };
  const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"query":"meanwhile"}' };
  await Promise.all([
    again('POST', '/jobs', post),
    again('POST for JSON', '/jobs', { ...post, headers: { ...post.headers, accept: 'application/json' } }),
    again('GET job', `/jobs/${id}`, {}),
    again('GET stream', `/jobs/${id}/stream`, {}),
    again('DELETE', '/jobs/no-such-job-anywhere', { method: 'DELETE' }),
  ]);
  return {
    wrong: calls.filter(({ status, retryAfter, ms }) => status !== 503 || retryAfter === null || ms > 2_000),
    slowestMs: Math.max(...calls.map((call) => call.ms)),
    count: calls.length,
  };
}

/** Watches how everything recovers from now on.
 *  @returns milliseconds until the last stream of the load flows, and until a new job has run from POST to `done` */
export async function recovery(system: SystemHarness, load: Load): Promise<{ streamsMs: number; newJobMs: number }> {
  const [streamsMs, newJobMs] = await Promise.all([load.flows(), newJob(system)]);
  return { streamsMs, newJobMs };
}

/** Tries until a new job has run from POST to `done`.
 *  @returns how long that took, milliseconds */
export async function newJob(system: SystemHarness): Promise<number> {
  const since = performance.now();
  const done = async () => {
    await using stream = await system.ask(`new ${crypto.randomUUID()}`);
    await stream.collect();
    return stream.terminal()?.event === 'done';
  };
  await eventually(done, { timeoutMs: 20_000, everyMs: 20 });
  return performance.now() - since;
}
