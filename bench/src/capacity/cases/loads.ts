import { setTimeout as delay } from 'node:timers/promises';
import type { TokenPlan } from '@millrace/simulated-model/paced';
import { Redis } from 'ioredis';
import { exactCpuMicros, privateBytes } from '../../measure/cpu.ts';
import { RedisMeter } from '../../measure/redis-meter.ts';
import type { RunningMillrace } from '../../peers/millrace/millrace.ts';
import type { Figures } from '../../speed/figures.ts';
import { rounded } from '../../speed/metered.ts';
import type { Stage } from '../../speed/stage.ts';

/** How long a load is metered, milliseconds. */
const WINDOW_MS = 7_000;
/** between the opening of the last stream and that */
const SETTLE_MS = 1_500;
/** for the last stream to open and to say its first token */
const SLACK_MS = 1_000;
/** from one stream to the next while they are opened, milliseconds */
const APART_MS = 5;

/** A load of Millrace that stays the same while it is metered. */
export interface OperatingPoint {
  readonly of: string;
  readonly streams: number;
  /** tokens per second of each stream */
  readonly rate: number;
  /** tokens of an answer, after which the next one begins; left out: no answer ends while it is metered */
  readonly answerTokens?: number;
  /** before the first token of each answer, milliseconds */
  readonly firstTokenMs?: number;
  /** whether somebody else follows every job, too */
  readonly isFollowed?: boolean;
}

/** The coefficients of processor time and network come from these. */
export const FITTED: readonly OperatingPoint[] = [
  [50, 5],
  [50, 20],
  [200, 5],
  [600, 2],
  [200, 20],
  [600, 10],
  [150, 50],
].map(steady);

/** The model says these beforehand; the last one has answers that end, 50 a second. */
export const PREDICTED: readonly OperatingPoint[] = [
  ...[
    [400, 5],
    [100, 30],
    [400, 20],
  ].map(steady),
  { of: 'answers', streams: 100, rate: 20, answerTokens: 40 },
];

/** What jobs cost beyond their tokens: answers of a single one, which comes after a while, so that there are some fifty a second: jobs
 *  share less than tokens do, and a process that carries hundreds of streams has no more of them. */
export const JOBS: OperatingPoint = { of: 'jobs', streams: 40, rate: 1, answerTokens: 1, firstTokenMs: 750 };

/** What one of the fitted loads costs when every job is followed twice. */
export const FOLLOWED: OperatingPoint = { of: 'followed', streams: 200, rate: 20, isFollowed: true };
export const FOLLOWED_ONCE = steady([200, 20]);

function steady([streams = 0, rate = 0]: readonly number[]): OperatingPoint {
  return { of: `${streams}x${rate}`, streams, rate };
}

/** Runs a load and meters its middle. Processor time and bytes are per second.
 *  @throws Error a stream failed, or tokens were lost or repeated */
export async function measureLoad(stage: Stage, point: OperatingPoint): Promise<Figures> {
  const { millrace, generator, signal } = stage;
  const { streams } = point;
  const { plan, answers, overMs } = loadOf(point);
  using redis = new RedisMeter(millrace.redisUrl);
  const follower = point.isFollowed ? await followAll(millrace) : null;
  try {
    const { port, text } = millrace.ask(plan);
    const load = { port, request: text, streams: answers, atOnce: streams, overMs, stamped: false };
    const running = generator.run(load, { signal });
    running.catch(() => undefined); // whoever waits for it below hears of it
    await Promise.race([delay(overMs + SETTLE_MS, undefined, { signal }), running]);
    await generator.mark();
    const before = await countersOf(millrace, redis);
    await delay(WINDOW_MS, undefined, { signal });
    const { tokens } = await generator.mark();
    const after = await countersOf(millrace, redis);
    const memory = memoryOf(millrace);
    const result = await running;
    const expected = answers * plan.tokens;
    if (result.tokens !== expected) throw new Error(`${result.tokens} tokens came of ${expected}`);
    const seconds = (after.atMs - before.atMs) / 1e3;
    const tokensPerSecond = tokens / seconds;
    const perSecond = (name: CounterName) => rounded((after[name] - before[name]) / seconds);
    return {
      streams,
      tokensPerSecond: rounded(tokensPerSecond),
      jobsPerSecond: point.answerTokens === undefined ? 0 : rounded(tokensPerSecond / point.answerTokens),
      workerMicros: perSecond('workerMicros'),
      apiMicros: perSecond('apiMicros'),
      redisMicros: perSecond('redisMicros'),
      nginxMicros: perSecond('nginxMicros'),
      toRedisBytes: perSecond('toRedisBytes'),
      fromRedisBytes: perSecond('fromRedisBytes'),
      entriesPerSecond: perSecond('entries'),
      ...memory,
    };
  } finally {
    follower?.disconnect();
  }
}

/** Answers for as long as it is metered, and no longer than needed. */
function loadOf({ streams, rate, answerTokens, firstTokenMs = 0 }: OperatingPoint) {
  const wholeMs = SETTLE_MS + WINDOW_MS + SLACK_MS;
  const plan = (tokens: number): TokenPlan => ({ tokens, perSecond: rate, firstTokenMs, stamped: false });
  if (answerTokens === undefined) {
    const overMs = Math.max(500, streams * APART_MS);
    return { plan: plan(Math.ceil((rate * (overMs + wholeMs)) / 1e3)), answers: streams, overMs };
  }
  // begun over the length of one answer, they end as evenly
  const overMs = ((answerTokens - 1) / rate) * 1e3 + firstTokenMs;
  return { plan: plan(answerTokens), answers: streams * Math.ceil((overMs + wholeMs) / overMs), overMs };
}

type Counters = Awaited<ReturnType<typeof countersOf>>;
type CounterName = keyof Counters;

/** What a deployment has used so far: microseconds, bytes, entries of streams in Redis (events, and what BullMQ tells). */
export async function countersOf({ pids }: RunningMillrace, redis: RedisMeter) {
  const [workerMicros = 0, apiMicros = 0, nginxMicros = 0] = [pids.worker, pids.relay, pids.nginx].map((each = []) =>
    exactCpuMicros(each),
  );
  const {
    cpuMicros: redisMicros,
    bytesIn: toRedisBytes,
    bytesOut: fromRedisBytes,
    events: entries,
  } = await redis.read();
  return {
    atMs: performance.now(),
    ...{ workerMicros, apiMicros, nginxMicros, redisMicros, toRedisBytes, fromRedisBytes, entries },
  };
}

/** Memory of the processes, bytes; of nginx all of them together, and how many of them take streams. */
function memoryOf({ pids }: RunningMillrace) {
  const { worker = [], relay = [], nginx = [] } = pids;
  return {
    workerBytes: privateBytes(worker),
    apiBytes: privateBytes(relay),
    nginxBytes: privateBytes(nginx),
    // without the master
    nginxProcesses: Math.max(1, nginx.length - 1),
  };
}

/** Follows every job, as a second API node would: by a pattern, since a follower of jobs learns of each by a command. */
async function followAll({ redisUrl }: RunningMillrace): Promise<Redis> {
  const follower = new Redis(redisUrl);
  await follower.psubscribe('*:live');
  return follower;
}
