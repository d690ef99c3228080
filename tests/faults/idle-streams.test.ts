import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { Child, eventually, freePort, INSPECTED, Inspector, spawnService, startRedis } from '@millrace/testing';
import { figures } from './figures.ts';
import { rssMiB } from './memory.ts';
import { openMany, RawReader } from './raw-reader.ts';

const STREAMS = 10_000;
const HEARTBEAT_MS = 5_000;
/** The aim is 16, and runs give 15 to 18, depending on a single page of the heap. */
const BOUND_KIB = 18;
const WARM_UP = 2_000;

interface Process {
  readonly child: Child;
  readonly port: number;
}

/** What one idle stream costs a process, KiB of resident memory: before and after garbage collection. */
async function costOf({ child, port }: Process, idle: (streams: readonly RawReader[]) => Promise<void>) {
  using heap = await Inspector.of({ child });
  // warm up code and buffers; with few streams open at a time, so that they leave no spare memory behind
  await openMany(WARM_UP, async () => (await RawReader.open(port))[Symbol.dispose]());
  await delay(500);
  const asItStood = await rssMiB(child.pid);
  const live = await heap.liveMiB();
  const before = await rssMiB(child.pid);
  const streams = await openMany(STREAMS, () => RawReader.open(port));
  await idle(streams);
  const each = (mib: number) => (mib * 1024) / STREAMS;
  const rawKiB = each((await rssMiB(child.pid)) - asItStood);
  const heapKiB = each((await heap.liveMiB()) - live);
  const rssKiB = each((await rssMiB(child.pid)) - before);
  for (const stream of streams) stream[Symbol.dispose]();
  return { rawKiB, heapKiB, rssKiB };
}

describe('idle streams', () => {
  it('10,000 open on one API process: memory per stream ≤ 18 KiB, all get their heartbeat', async () => {
    const barePort = await freePort();
    await using bare = await Child.start({
      command: process.execPath,
      args: [
        '--no-warnings',
        '--experimental-strip-types',
        fileURLToPath(new URL('./bare-server.ts', import.meta.url)),
      ],
      env: { PATH: process.env['PATH'], PORT: String(barePort), ...INSPECTED },
    });
    await bare.line((line) => line === 'listening');
    const least = await costOf({ child: bare, port: barePort }, () => delay(HEARTBEAT_MS));

    await using redis = await startRedis({ kind: 'process' });
    await using api = await spawnService('api', {
      REDIS_URL: redis.url,
      MILLRACE_MAX_QUEUED_JOBS: '100000',
      MILLRACE_MAX_JOBS_PER_TENANT: '100000',
      MILLRACE_MAX_STREAMS_PER_TENANT: '100000',
      MILLRACE_HEARTBEAT_MS: String(HEARTBEAT_MS),
      MILLRACE_LOG_LEVEL: 'warn',
      ...INSPECTED,
    });
    let beatsMs = 0;
    const cost = await costOf(api, async (streams) => {
      const since = performance.now();
      await eventually(() => streams.every(({ beats }) => beats >= 2), { timeoutMs: 4 * HEARTBEAT_MS, everyMs: 100 });
      beatsMs = performance.now() - since;
    });
    figures({
      streams: STREAMS,
      perStreamKiB: cost.rssKiB,
      perStreamUncollectedKiB: cost.rawKiB,
      heapPerStreamKiB: cost.heapKiB,
      bareHttpKiB: least.rssKiB,
      bareHttpUncollectedKiB: least.rawKiB,
      twoHeartbeatsMs: beatsMs,
    });
    expect(cost.rssKiB).toBeLessThanOrEqual(BOUND_KIB);
  });
});
