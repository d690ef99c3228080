import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, type SpawnedService } from '@millrace/testing';
import { idOf, System } from '../e2e/system.ts';
import { figures } from './figures.ts';
import { rssMiB } from './memory.ts';
import { percentile } from './percentile.ts';

const STALL_MS = 15_000;
/** A look that waits for its turn is refused after 5 s; the guard goes round once a second. */
const LATE_MS = 7_000;
const READERS = 60;
const PIPELINED = 40;
const TEXT_KIB = 7_800;
const BOUND_MIB = 250;
const SPAN_MS = 5_000;
/** What the machine itself varies by, where a short answer takes some ten milliseconds. */
const NOISE_MS = 50;

const keyOf = (tenant: string) => ({ authorization: `Bearer secret-of-the-tenant-${tenant}` });

let system: System;
let api: SpawnedService;

beforeAll(async () => {
  const env = {
    MILLRACE_AUTH: 'apikey',
    MILLRACE_API_KEYS: ['greedy', 'other'].map((name) => `${name}:user:secret-of-the-tenant-${name}`).join(','),
    MILLRACE_STALL_TIMEOUT_MS: String(STALL_MS),
    MILLRACE_MAX_LOG_BYTES: String(64 * 1024 * 1024),
  };
  system = await System.start({ env, processes: 1 });
  api = system.apis[0] as SpawnedService;
}, 60_000);
afterAll(() => system[Symbol.asyncDispose](), 30_000);

/** A job of the greedy tenant whose answer is long, and has ended. */
async function longJob(): Promise<string> {
  system.model.answer(
    Array.from({ length: TEXT_KIB / 30 }, (_, index) => `${index} ${'x'.repeat(30 * 1024)}`),
    { to: 'long' },
  );
  await using stream = await system.ask('long', { at: api.url, headers: keyOf('greedy') });
  await stream.until(({ event }) => event === 'done');
  return idOf(stream);
}

/** A connection that asks for the job so many times, and takes nothing of the answers. The last one ends it. */
function askUnread(id: string, times: number): Socket {
  const socket = connect(api.port, '127.0.0.1');
  socket.pause();
  socket.on('error', () => undefined); // it is reset in the end
  const { authorization } = keyOf('greedy');
  const head = `GET /jobs/${id} HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${authorization}\r\n`;
  socket.write(`${`${head}\r\n`.repeat(times - 1)}${head}Connection: close\r\n\r\n`);
  return socket;
}

/** How long the other tenant waits for short answers, one after the other, milliseconds. */
async function shortAnswersMs(spanMs: number): Promise<number[]> {
  const took: number[] = [];
  const until = performance.now() + spanMs;
  while (performance.now() < until) {
    const from = performance.now();
    await using stream = await system.ask('short', { at: api.url, headers: keyOf('other') });
    await stream.until(({ event }) => event === 'done');
    took.push(performance.now() - from);
  }
  return took;
}

/** The node's open connections. */
async function connections(): Promise<number> {
  const text = await (await fetch(`${api.url}/metrics`)).text();
  return Number(/^nodejs_active_resources\{[^}]*TCPSocketWrap[^}]*\} (\S+)$/m.exec(text)?.[1]);
}

describe('answers that nobody reads', () => {
  it.each([
    [`${READERS} times a whole text of 7.8 MB`, READERS, 1],
    [`${PIPELINED} of them pipelined on one connection`, 1, PIPELINED],
  ])(
    '%s: ≤ 250 MiB, another tenant’s short answers are not held up, broken off after 15 s',
    async (_, count, times) => {
      system.model.answer(['a', 'b'], { to: 'short' });
      const id = await longJob();
      await shortAnswersMs(1_000); // the first ones are slower
      const without = await shortAnswersMs(SPAN_MS);
      const [before, openBefore] = [await rssMiB(api.pid), await connections()];
      const askedAt = performance.now();
      const unread = Array.from({ length: count }, () => askUnread(id, times));
      let mostMiB = 0;
      const memory = setInterval(async () => {
        mostMiB = Math.max(mostMiB, await rssMiB(api.pid));
      }, 100);
      const beside = await shortAnswersMs(SPAN_MS);
      await eventually(async () => (await connections()) <= openBefore, { timeoutMs: 60_000, everyMs: 250 });
      const brokenOffAfterMs = performance.now() - askedAt;
      clearInterval(memory);
      for (const socket of unread) socket.destroy();
      const [p99Without, p99Beside] = [percentile(without, 0.99), percentile(beside, 0.99)];
      figures({
        answers: count * times,
        addedMiB: mostMiB - before,
        p99WithoutMs: p99Without,
        p99BesideMs: p99Beside,
        brokenOffAfterMs,
      });
      expect(mostMiB - before).toBeLessThanOrEqual(BOUND_MIB);
      expect(p99Beside).toBeLessThanOrEqual(Math.max(2 * p99Without, p99Without + NOISE_MS));
      expect(brokenOffAfterMs).toBeGreaterThanOrEqual(STALL_MS);
      expect(brokenOffAfterMs).toBeLessThanOrEqual(STALL_MS + LATE_MS);
    },
    180_000,
  );
});
