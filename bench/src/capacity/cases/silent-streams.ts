import { setTimeout as delay } from 'node:timers/promises';
import type { TokenPlan } from '@millrace/simulated-model/paced';
import { INSPECTED, Inspector } from '@millrace/testing';
import type { Load } from '../../load/load.ts';
import { LoadGenerator } from '../../load/load-generator.ts';
import { connectionsTo } from '../../measure/connections-to.ts';
import { privateBytes } from '../../measure/cpu.ts';
import { RedisMeter } from '../../measure/redis-meter.ts';
import { startMillrace } from '../../peers/millrace/millrace.ts';
import type { Figures } from '../../speed/figures.ts';
import { rounded } from '../../speed/metered.ts';
import type { Stage } from '../../speed/stage.ts';
import { countersOf } from './loads.ts';

/** Streams on which nothing is said; one of them is not fitted, but predicted. */
export const SILENT = { none: 0, few: 500, predicted: 1_500, many: 2_500 } as const;

const WINDOW_MS = 6_000;
const SETTLE_MS = 2_000;
/** from one stream to the next while they are opened, milliseconds */
const APART_MS = 4;
/** nobody says a word while this is measured */
const NOTHING = { tokens: 1, perSecond: 0, firstTokenMs: 600_000, stamped: false };
const COLD_JOBS = 600;

/** What streams cost on which nothing is said, in a system of its own: memory that other loads left behind would hide it.
 *  Processor time and bytes of the network are per second.
 *  @returns by the number of streams */
export async function measureSilentStreams({ model, generator, signal }: Stage): Promise<[string, Figures][]> {
  await using started = new AsyncDisposableStack();
  // the inspector can collect garbage, which is not what a stream holds
  const millrace = started.use(await startMillrace(model, INSPECTED));
  const inspectors = [started.use(await Inspector.of(millrace.api)), started.use(await Inspector.of(millrace.worker))];
  const redis = started.use(new RedisMeter(millrace.redisUrl));
  const loadOf = (plan: TokenPlan, streams: number, atOnce: number): Load => {
    const { port, text } = millrace.ask(plan);
    return { port, request: text, streams, atOnce, overMs: atOnce * APART_MS, stamped: false };
  };
  await generator.run(loadOf({ ...NOTHING, firstTokenMs: 0 }, COLD_JOBS, 50), { signal });
  const measured: [string, Figures][] = [];
  let open = 0;
  for (const streams of Object.values(SILENT)) {
    signal.throwIfAborted();
    // a generator runs one load at a time, and the streams that are open stay
    if (streams > open) {
      const further = started.use(await LoadGenerator.start());
      await further.begin(loadOf(NOTHING, streams - open, streams - open)).open;
      open = streams;
    }
    await delay(SETTLE_MS, undefined, { signal });
    const before = await countersOf(millrace, redis);
    await delay(WINDOW_MS, undefined, { signal });
    const after = await countersOf(millrace, redis);
    for (const inspector of inspectors) await inspector.collectGarbage();
    const seconds = (after.atMs - before.atMs) / 1e3;
    const perSecond = (name: keyof typeof before) => rounded((after[name] - before[name]) / seconds);
    const redisPort = Number(new URL(millrace.redisUrl).port);
    measured.push([
      String(streams),
      {
        streams,
        workerMicros: perSecond('workerMicros'),
        apiMicros: perSecond('apiMicros'),
        redisMicros: perSecond('redisMicros'),
        nginxMicros: perSecond('nginxMicros'),
        toRedisBytes: perSecond('toRedisBytes'),
        fromRedisBytes: perSecond('fromRedisBytes'),
        workerBytes: privateBytes([millrace.worker.pid]),
        apiBytes: privateBytes([millrace.api.pid]),
        // of all its processes: which of them has a stream is chance
        nginxBytes: privateBytes(millrace.pids.nginx ?? []),
        dataBytes: (await redis.read()).dataBytes,
        workerConnections: connectionsTo(redisPort, millrace.worker.pid),
        apiConnections: connectionsTo(redisPort, millrace.api.pid),
      },
    ]);
  }
  for (const status of ['active', 'queued']) await fetch(`${millrace.url}/jobs?status=${status}`, { method: 'DELETE' });
  return measured;
}
