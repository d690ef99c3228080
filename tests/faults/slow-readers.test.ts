import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, type SpawnedService, textAfter } from '@millrace/testing';
import { idOf, SystemHarness } from '../e2e/system-harness.ts';
import { figures } from './figures.ts';
import { Load } from './load.ts';
import { childrenOf, rssMiB } from './memory.ts';
import { percentile } from './percentile.ts';
import { StoppedReaders } from './stopped-readers.ts';

const STALL_MS = 15_000;
/** The API checks for stalled readers once a second. */
const LATE_MS = 3_000;
const READERS = 1_000;
const BOUND_MIB = 300;
const SPAN_MS = 4_000;
/** Lets what has just started, or was cut, settle: it would slow the others even without stopped readers. */
const SETTLE_MS = 3_000;
/** How much the machine alone varies the p99 of a few seconds: in six runs it was 16 to 33 ms without stopped readers, 14 to 49
 *  beside them. */
const NOISE_MS = 30;
/** Few: nginx and the API exchange loopback's large segments, so each connection takes 4 MB or more in the kernel. */
const READERS_OF_NGINX = 100;
/** More than the kernel buffers for any connection. */
const NGINX_JOB_KIB = 16 * 1_024;
/** 4 KiB of buffer for each reader, and nginx's own memory for a connection. */
const NGINX_MIB = 20;

let system: SystemHarness;
beforeEach(async () => {
  const env = { MILLRACE_STALL_TIMEOUT_MS: String(STALL_MS), MILLRACE_MAX_LOG_BYTES: String(2_048 * NGINX_JOB_KIB) };
  system = await SystemHarness.start({ env });
});
afterEach(() => system[Symbol.asyncDispose](), 30_000);

interface LongJob {
  readonly id: string;
  readonly text: string;
}

/** @param kiB more than the kernel buffers for a connection
 *  @returns a job that has ended */
async function longJob(kiB: number): Promise<LongJob> {
  const words = Array.from({ length: kiB / 32 }, (_, index) => `${index} ${'x'.repeat(32 * 1024)} `);
  system.model.answer(words, { to: 'long' });
  await using stream = await system.ask('long');
  await stream.until(({ event }) => event === 'done');
  return { id: idOf(stream), text: words.join('') };
}

/** Readers of a job that a node has disconnected: why, and after how long, milliseconds. */
function closed(api: SpawnedService, { id }: LongJob): { reason: unknown; ms: number }[] {
  return api.log
    .filter(({ msg, requestId }) => msg === 'closed' && requestId === id)
    .map(({ reason, durationMs }) => ({ reason, ms: Number(durationMs) }))
    .filter(({ reason }) => reason !== 'finished');
}

/** Settles when a node writes almost nothing: its readers read nothing, and their buffers are full. */
async function untilFull({ url }: SpawnedService): Promise<void> {
  const relayed = async () => {
    const text = await (await fetch(`${url}/metrics`)).text();
    return Number(/^millrace_bytes_relayed_total\{.*\} (\S+)$/m.exec(text)?.[1]);
  };
  let before = await relayed();
  const isQuiet = async () => {
    const now = await relayed();
    const grown = now - before;
    before = now;
    return grown < 1_000_000;
  };
  await eventually(isQuiet, { timeoutMs: 60_000, everyMs: 500 });
}

/** Resumes readers that were cut after their last event.
 *  @returns errors in the text that they then have */
async function gaps({ id, text }: LongJob, readers: StoppedReaders): Promise<string[]> {
  const wrong: string[] = [];
  for (const [index, first] of (await readers.rest()).entries()) {
    const after = first.at(-1)?.id;
    if (after === undefined || first.some(({ event }) => event === 'done')) wrong.push(`${index} was not cut midway`);
    await using second = await system.watch(id, after === undefined ? {} : { after });
    const all = textAfter([...first, ...(await second.collect())]);
    if (all !== text) wrong.push(`${index} resumed after ${after} with a gap`);
  }
  return wrong;
}

describe('readers that stop reading', () => {
  it('1,000 of them: ≤ 300 MiB, no effect on others, disconnected after 15 s, resumable without a gap', async () => {
    const [api] = system.apis;
    if (api === undefined) throw new Error('there is a node');
    const job = await longJob(1_024);
    using load = await Load.start(system, { jobs: 20, at: () => api.url });
    const delays = async (ms: number) => {
      const from = performance.now();
      await delay(ms);
      return load.delaysMs(from, performance.now());
    };
    await delay(SETTLE_MS);
    const without = await delays(SPAN_MS);
    const before = await rssMiB(api.pid);
    await using readers = await StoppedReaders.open(`${api.url}/jobs/${job.id}/stream`, READERS);
    await untilFull(api);
    const beside = await delays(2 * SPAN_MS);
    const addedMiB = (await rssMiB(api.pid)) - before;
    const cutSoFar = closed(api, job).length;
    await eventually(() => closed(api, job).length >= READERS, { timeoutMs: 40_000, everyMs: 250 });
    await delay(SETTLE_MS);
    without.push(...(await delays(SPAN_MS)));
    await load.finish();

    const ends = closed(api, job);
    const cutAfterMs = ends.map(({ ms }) => ms);
    const [p99Without, p99Beside] = [percentile(without, 0.99), percentile(beside, 0.99)];
    figures({
      readers: READERS,
      addedMiB,
      p99WithoutMs: p99Without,
      p99BesideMs: p99Beside,
      p99BesidePercent: (100 * p99Beside) / p99Without,
      firstCutAfterMs: Math.min(...cutAfterMs),
      lastCutAfterMs: Math.max(...cutAfterMs),
    });
    expect(cutSoFar).toBe(0);
    expect(ends.map(({ reason }) => reason)).toEqual(ends.map(() => 'stalled'));
    expect(await gaps(job, readers)).toEqual([]);
    expect(await load.offences()).toEqual([]);
    expect(addedMiB).toBeLessThanOrEqual(BOUND_MIB);
    expect(Math.min(...cutAfterMs)).toBeGreaterThanOrEqual(STALL_MS);
    expect(Math.max(...cutAfterMs)).toBeLessThanOrEqual(STALL_MS + LATE_MS);
    expect(p99Beside).toBeLessThanOrEqual(Math.max(1.2 * p99Without, p99Without + NOISE_MS));
  });

  it('100 of them through nginx: its memory stays bounded, disconnected after 15 s, resumable without a gap', async () => {
    const job = await longJob(NGINX_JOB_KIB);
    const nginxMiB = async () => {
      const pids = [system.proxy.child.pid, ...(await childrenOf(system.proxy.child.pid))];
      return (await Promise.all(pids.map(rssMiB))).reduce((sum, mib) => sum + mib, 0);
    };
    const before = await nginxMiB();
    await using readers = await StoppedReaders.open(`${system.url}/jobs/${job.id}/stream`, READERS_OF_NGINX);
    await Promise.all(system.apis.map(untilFull));
    const addedMiB = (await nginxMiB()) - before;
    const ends = () => system.apis.flatMap((api) => closed(api, job));
    const allCut = () => {
      expect(ends()).toHaveLength(READERS_OF_NGINX);
      return true;
    };
    await eventually(allCut, { timeoutMs: 40_000, everyMs: 250 });
    const cutAfterMs = ends().map(({ ms }) => ms);
    figures({
      readers: READERS_OF_NGINX,
      nginxAddedMiB: addedMiB,
      firstCutAfterMs: Math.min(...cutAfterMs),
      lastCutAfterMs: Math.max(...cutAfterMs),
    });
    expect(await gaps(job, readers)).toEqual([]);
    expect(addedMiB).toBeLessThanOrEqual(NGINX_MIB);
    expect(Math.min(...cutAfterMs)).toBeGreaterThanOrEqual(STALL_MS);
    expect(Math.max(...cutAfterMs)).toBeLessThanOrEqual(STALL_MS + LATE_MS);
  });
});
