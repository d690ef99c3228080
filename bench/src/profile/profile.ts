/** Who has the time of a token, a job and a resumed event in worker and API, and the memory of an idle stream in the API. */
import { setTimeout as delay } from 'node:timers/promises';
import { INSPECTED } from '@millrace/testing';
import type { Benchmark } from '../benchmark.ts';
import { LoadGenerator } from '../load/load-generator.ts';
import { thisMachine } from '../measure/machine.ts';
import { RedisMeter } from '../measure/redis-meter.ts';
import { type RunningMillrace, startMillrace } from '../peers/millrace/millrace.ts';
import { finishedJob } from '../speed/cases/resume.ts';
import { startModelProcess } from '../speed/stage.ts';
import { keepProfile } from './keep.ts';
import { ServiceProfiler } from './profiler.ts';
import type { Holdings } from './profiles.ts';
import { type Profiled, profileReport } from './report.ts';

interface Stage {
  readonly millrace: RunningMillrace;
  readonly generator: LoadGenerator;
  readonly signal: AbortSignal;
}

/** Does something, and says how many pieces of it were done. */
type Work = (stage: Stage, profiled: (run: () => Promise<void>) => Promise<void>) => Promise<number>;

const AS_FAST_AS_IT_CAN = { perSecond: 0, firstTokenMs: 0, stamped: false } as const;

const PACED = { streams: 120, perSecond: 50, overMs: 1_000, firstTokenMs: 1_000, windowMs: 15_000 } as const;
const JOBS = { streams: 8_000, atOnce: 100, tokens: 3 } as const;
const RESUMED = { tokens: 10_000, perSecond: 1_000, repeats: 300 } as const;
const IDLE = { streams: 4_000, few: 500 } as const;

const WORKS: readonly (readonly [name: string, work: Work])[] = [
  ['token', lonelyTokens],
  ['job', tinyJobs],
  ['event', resumedEvents],
];

export const measureProfile: Benchmark = async ({ rounds, only, signal }) => {
  await using started = new AsyncDisposableStack();
  const model = await startModelProcess();
  started.use(model.child);
  const generator = started.use(await LoadGenerator.start());
  const profiled: Profiled[] = [];
  const idle: Holdings[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    // anew for each round: processes of the same code differ by a tenth, for as long as they live
    await using millrace = await startMillrace(model, INSPECTED);
    const stage = { millrace, generator, signal };
    for (const [name, work] of WORKS.filter(([each]) => only.length === 0 || only.includes(each))) {
      signal.throwIfAborted();
      console.log(`round ${round} of ${rounds}: ${name}`);
      profiled.push({ name, ...(await profile(stage, work)) });
    }
    if (only.length === 0 || only.includes('idle')) {
      console.log(`round ${round} of ${rounds}: idle`);
      idle.push(await idleStreams(stage));
    }
  }
  const report = profileReport({ machine: thisMachine(), rounds, profiled, idle });
  console.log(`\n${report}`);
  // of a part nothing can be compared
  if (only.length === 0) await keepProfile(report);
};

/** Once to warm up, then with profiles. */
async function profile(stage: Stage, work: Work): Promise<Omit<Profiled, 'name'>> {
  await work(stage, (run) => run());
  const { worker, api, redisUrl } = stage.millrace;
  using profilerOfWorker = await ServiceProfiler.of(worker);
  using profilerOfApi = await ServiceProfiler.of(api);
  using redis = new RedisMeter(redisUrl);
  const spent: Omit<Profiled, 'name' | 'pieces'>[] = [];
  const pieces = await work(stage, async (run) => {
    const [endWorker, endApi] = [await profilerOfWorker.begin(), await profilerOfApi.begin()];
    const before = await redis.read();
    await run();
    const after = await redis.read();
    spent.push({
      worker: await endWorker(),
      api: await endApi(),
      redis: {
        allMicros: after.cpuMicros - before.cpuMicros,
        scripts: after.scripts - before.scripts,
        commands: after.commands - before.commands,
      },
    });
  });
  const [only] = spent;
  if (only === undefined) throw new Error('nothing was profiled');
  return { pieces, ...only };
}

/** Tokens of which no two come together, while all answers speak: to open and to end them is not in it. */
async function lonelyTokens({ millrace, generator }: Stage, profiled: Parameters<Work>[1]): Promise<number> {
  const { streams, perSecond, overMs, firstTokenMs, windowMs } = PACED;
  const tokens = ((overMs + windowMs + 5_000) / 1e3) * perSecond;
  const { port, text } = millrace.ask({ tokens, perSecond, firstTokenMs, stamped: false });
  const load = generator.begin({ port, request: text, streams, atOnce: streams, overMs, stamped: false });
  await load.open;
  await delay(firstTokenMs + overMs);
  await generator.mark();
  await profiled(() => delay(windowMs));
  const { tokens: came } = await generator.mark();
  await load.done;
  return came;
}

async function tinyJobs({ millrace, generator, signal }: Stage, profiled: Parameters<Work>[1]): Promise<number> {
  const { streams, atOnce, tokens } = JOBS;
  const { port, text } = millrace.ask({ ...AS_FAST_AS_IT_CAN, tokens });
  await profiled(async () => {
    await generator.run({ port, request: text, streams, atOnce, overMs: 0, stamped: false }, { signal });
  });
  return streams;
}

/** An answer of which hardly any tokens merged, read from its log again and again. */
async function resumedEvents({ millrace, generator, signal }: Stage, profiled: Parameters<Work>[1]): Promise<number> {
  const { tokens, perSecond, repeats } = RESUMED;
  const { id, events } = await finishedJob(millrace, { tokens, perSecond, firstTokenMs: 0, stamped: false });
  const { port, text } = millrace.watch(id);
  await profiled(async () => {
    await generator.run({ port, request: text, streams: repeats, atOnce: 1, overMs: 0, stamped: false }, { signal });
  });
  return events * repeats;
}

/** @returns KiB of one stream on which nothing comes */
async function idleStreams({ millrace, generator }: Stage): Promise<Holdings> {
  const { port, text } = millrace.ask({ tokens: 1, perSecond: 0, firstTokenMs: 600_000, stamped: false });
  const open = async (streams: number) => {
    const load = generator.begin({ port, request: text, streams, atOnce: streams, overMs: streams, stamped: false });
    await load.open;
    return load;
  };
  const few = await open(IDLE.few);
  using profiler = await ServiceProfiler.of(millrace.api);
  await few.stop();
  const all: Awaited<ReturnType<typeof open>>[] = [];
  const { byHolder, bufferBytes } = await profiler.kept(async () => {
    all.push(await open(IDLE.streams));
  });
  for (const status of ['active', 'queued']) await fetch(`${millrace.url}/jobs?status=${status}`, { method: 'DELETE' });
  for (const load of all) await load.stop();
  const kib = (bytes: number) => bytes / 1_024 / IDLE.streams;
  return new Map([...byHolder, ['buffers', bufferBytes] as const].map(([holder, bytes]) => [holder, kib(bytes)]));
}
