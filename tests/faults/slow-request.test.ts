import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Exchanged, exchange } from '@millrace/testing';
import { SystemHarness } from '../e2e/system-harness.ts';
import { figures } from './figures.ts';

let system: SystemHarness;
beforeAll(async () => {
  system = await SystemHarness.start();
});
afterAll(() => system[Symbol.asyncDispose](), 30_000);

/** How long a request may take to arrive (PROTOCOL §7). */
const ARRIVAL_MS = 30_000;
/** How much later its end may come: a server checks for late requests every few seconds. */
const LATE_MS = 5_000;
const EACH = 100;
const DRIP_MS = 500;

const HEAD = 'POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n';

/** Sends some bytes, then one byte now and then for longer than a request may take. */
async function* dripping(start: string, drop: string): AsyncGenerator<string> {
  yield start;
  for (let ms = 0; ms < ARRIVAL_MS + 2 * LATE_MS; ms += DRIP_MS) {
    await delay(DRIP_MS);
    yield drop;
  }
}

function many(at: () => string, pieces: () => Iterable<string> | AsyncIterable<string>): Promise<Exchanged[]> {
  const timeoutMs = ARRIVAL_MS + 2 * LATE_MS;
  return Promise.all(Array.from({ length: EACH }, () => exchange(at(), pieces(), { timeoutMs })));
}

/** Requests short answers one by one until told to stop. @returns how long the slowest took, milliseconds */
async function slowestAnswer(signal: AbortSignal): Promise<number> {
  let slowest = 0;
  while (!signal.aborted) {
    const began = performance.now();
    await using stream = await system.ask('ordinary');
    await stream.collect();
    expect(stream.text()).toBe('an answer');
    slowest = Math.max(slowest, performance.now() - began);
    await delay(DRIP_MS);
  }
  return slowest;
}

describe('slow requests', () => {
  it(`${EACH} of each kind: every one is ended within 35 s, and others are answered meanwhile`, async () => {
    system.model.answer(['an ', 'answer'], { to: 'ordinary' });
    const [node, proxy] = [() => system.node(0), () => system.url];
    const over = new AbortController();
    const others = slowestAnswer(over.signal);
    const [heads, bodies, halves, stoppedHeads, stoppedBodies] = await Promise.all([
      many(node, () => dripping(HEAD, 'X: x\r\n')),
      many(node, () => dripping(`${HEAD}\r\n{"query":"`, 'x')),
      many(node, () => ['GET /jobs\r\n']),
      many(proxy, () => dripping(HEAD, 'X: x\r\n')),
      many(proxy, () => [`${HEAD}\r\n{"query":"`]),
    ]);
    over.abort();
    const all = [heads, bodies, halves, stoppedHeads, stoppedBodies].flat();
    const took = all.map(({ tookMs }) => tookMs);
    figures({
      requests: all.length,
      soonestMs: Math.min(...took),
      latestMs: Math.max(...took),
      slowestAnswerMs: await others,
    });

    for (const { bytes } of [heads, bodies, halves].flat()) {
      expect(bytes.toString()).toMatch(/^HTTP\/1\.1 408 .*application\/problem\+json.*"code":"INVALID_REQUEST"/s);
    }
    // nginx closes without an answer
    for (const { bytes } of [stoppedHeads, stoppedBodies].flat()) expect(bytes.toString()).toBe('');
    expect(Math.min(...took)).toBeGreaterThanOrEqual(ARRIVAL_MS - 1_000);
    expect(Math.max(...took)).toBeLessThanOrEqual(ARRIVAL_MS + LATE_MS);
    expect(await others).toBeLessThan(5_000);
  }, 120_000);
});
