import { setTimeout as delay } from 'node:timers/promises';
import type { TokenPlan } from '@millrace/simulated-model/paced';
import type { Load, LoadResult } from '../load/load.ts';
import { cpuMicros } from '../measure/cpu.ts';
import { RedisMeter } from '../measure/redis-meter.ts';
import type { Role, RunningPeer } from '../peers/peer.ts';
import type { Figures } from './figures.ts';
import type { Stage } from './stage.ts';

/** What is metered beside the peer, and drives it. */
export type Meters = Pick<Stage, 'model' | 'generator' | 'signal'>;

const ROLES: readonly Role[] = ['worker', 'relay', 'app', 'nginx'];

/** What a peer used while something ran. Processor time in microseconds. */
export interface Used {
  readonly cpu: Readonly<Record<Role | 'redis' | 'model' | 'generator', number>>;
  readonly scripts: number;
  readonly commands: number;
}

/** Runs something and meters what a peer, the model and the generator use meanwhile. */
export async function metered<Result>(
  stage: Meters,
  peer: RunningPeer,
  run: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly used: Used }> {
  using redis = peer.redisUrl === null ? undefined : new RedisMeter(peer.redisUrl);
  const read = async () => ({
    roles: ROLES.map((role) => cpuMicros(peer.pids[role] ?? [])),
    model: cpuMicros([stage.model.pid]),
    generator: cpuMicros([stage.generator.pid]),
    redis: (await redis?.read()) ?? { cpuMicros: 0, scripts: 0, commands: 0 },
  });
  const before = await read();
  const result = await run();
  const after = await read();
  const [worker = 0, relay = 0, app = 0, nginx = 0] = after.roles.map((micros, at) => micros - (before.roles[at] ?? 0));
  return {
    result,
    used: {
      cpu: {
        ...{ worker, relay, app, nginx },
        redis: after.redis.cpuMicros - before.redis.cpuMicros,
        model: after.model - before.model,
        generator: after.generator - before.generator,
      },
      scripts: after.redis.scripts - before.redis.scripts,
      // the meter's own command, read once within what it counts
      commands: Math.max(0, after.redis.commands - before.redis.commands - 1),
    },
  };
}

/** Of a load with a pace, what counts is the time in which all answers speak: what it costs to open and to end them, and
 *  how late a token is beside that, is in no figure. Of one without, all of it counts.
 *  @throws Error a stream failed, or tokens were lost or repeated: what is wrong is not worth a time */
export async function meteredLoad(stage: Meters, peer: RunningPeer, load: Load, plan: TokenPlan): Promise<Figures> {
  const run = async () => {
    const result = await stage.generator.run(load, { signal: stage.signal });
    const expected = load.streams * plan.tokens;
    if (result.tokens === expected) return result;
    throw new Error(`${result.tokens} tokens came of ${expected}; ${result.resets} answers began afresh`);
  };
  const windowMs = plan.perSecond === 0 ? 0 : (plan.tokens / plan.perSecond) * 1e3 - load.overMs;
  if (windowMs <= 0) {
    const { result, used } = await metered(stage, peer, run);
    return loadFigures(result, result, used);
  }
  const running = run();
  running.catch(() => undefined); // whoever waits for it below hears of it
  await delay(load.overMs + plan.firstTokenMs);
  await stage.generator.mark();
  const { result: wallMs, used } = await metered(stage, peer, () => timed(() => delay(windowMs)));
  const mark = await stage.generator.mark();
  return loadFigures(await running, { ...mark, wallMs }, used);
}

/** @returns how long it took, milliseconds */
async function timed(run: () => Promise<unknown>): Promise<number> {
  const beganAt = performance.now();
  await run();
  return performance.now() - beganAt;
}

/** A load and its cost as figures. Per token where nothing else is said.
 *  @param counted what came while it was metered */
function loadFigures(
  { tokens: allTokens, bytes, firstToken, whole }: LoadResult,
  { tokens, wallMs, delay: late }: Pick<LoadResult, 'tokens' | 'wallMs' | 'delay'>,
  { cpu, scripts }: Used,
): Figures {
  const perToken = (total: number) => rounded(total / tokens);
  return {
    tokensPerSecond: Math.round((tokens / wallMs) * 1e3),
    firstTokenP50Ms: rounded(firstToken.p50),
    firstTokenP99Ms: rounded(firstToken.p99),
    delayP50Ms: rounded(late.p50),
    delayP95Ms: rounded(late.p95),
    delayP99Ms: rounded(late.p99),
    wholeP50Ms: rounded(whole.p50),
    bytesPerToken: rounded(bytes / allTokens),
    workerMicros: perToken(cpu.worker),
    relayMicros: perToken(cpu.relay),
    appMicros: perToken(cpu.app),
    nginxMicros: perToken(cpu.nginx),
    redisMicros: perToken(cpu.redis),
    allMicros: perToken(cpu.worker + cpu.relay + cpu.app + cpu.nginx + cpu.redis),
    modelMicros: perToken(cpu.model),
    generatorMicros: perToken(cpu.generator),
    scriptsPer1000Tokens: Math.round((scripts / tokens) * 1e3),
  };
}

/** To three figures after the point: what follows is no measurement. */
export function rounded(value: number): number {
  return Number(value.toFixed(3));
}
