import { setTimeout as delay } from 'node:timers/promises';
import { eventually, type SpawnedService } from '@millrace/testing';
import { Redis } from 'ioredis';
import type { Incident, Struck } from './incident.ts';
import { nodeOutOfMemory } from './out-of-memory.ts';
import { PROMPTS, SLOTS, type Stage, TENANTS } from './stage.ts';
import { leaveJob } from './traffic.ts';

const MEMBERS = 200_000;
const FAR_MS = 60;
const HELD_JOBS = 6;
const PATIENCE_MS = 120_000;
const PAUSE_MS = 100;

/** What goes wrong on the day, in order. */
export const INCIDENTS: readonly Incident[] = [
  { name: 'Redis slow: a command of others', alerts: ['MillraceRedisSlow'], strike: slowCommands },
  { name: 'Redis slow: far away', alerts: ['MillraceRedisSlow'], strike: farAway },
  { name: 'worker lost: killed', alerts: ['MillraceNodeAway'], strike: (stage) => workerAway(stage, 'killed') },
  { name: 'worker lost: hangs', alerts: ['MillraceNodeAway'], strike: (stage) => workerAway(stage, 'hangs') },
  {
    name: 'every worker lost',
    alerts: ['MillraceNodeAway', 'MillraceNoWorker'],
    also: ['MillraceQueueWaits'],
    strike: allWorkersAway,
  },
  { name: 'queue flood', alerts: ['MillraceQueueFlood', 'MillraceQueueWaits'], strike: flood },
  {
    name: 'a node out of memory',
    alerts: ['MillraceMemoryShort', 'MillraceRestarts'],
    // collecting garbage takes all its time at last: it reads late what Redis has answered
    also: ['MillraceNodeAway', 'MillraceEventLoopBlocked', 'MillraceRedisSlow'],
    strike: nodeOutOfMemory,
  },
  {
    name: 'Redis lost',
    alerts: ['MillraceRedisAway'],
    also: ['MillraceRefuses', 'MillraceRedisSlow'],
    strike: redisAway,
  },
  { name: 'the provider fails', alerts: ['MillraceJobsFail'], strike: (stage) => provider(stage, 'fails') },
  {
    name: 'the provider throttles',
    alerts: ['MillraceModelThrottles'],
    strike: (stage) => provider(stage, 'throttles'),
  },
];

/** Another program on the same Redis sorts a large set again and again. */
async function slowCommands({ system }: Stage): Promise<Struck> {
  const report = new Redis(system.redis.url, { connectionName: 'nightly-report' });
  await report.eval(`for i = 1, ${MEMBERS} do redis.call('SADD', KEYS[1], 'customer ' .. i) end`, 1, 'customers');
  const stop = new AbortController();
  const sorting = repeat(stop.signal, () => report.sort('customers', 'LIMIT', 0, 1, 'ALPHA'));
  return {
    finds: { MillraceRedisSlow: /slow commands: .*× SORT of up to \d+ ms \(nightly-report/ },
    mend: async () => {
      stop.abort();
      await sorting;
      await report.unlink('customers');
      report.disconnect();
    },
  };
}

async function farAway({ system }: Stage): Promise<Struck> {
  const ways = Object.values(system.network);
  for (const way of ways) way.latency(FAR_MS);
  return {
    finds: { MillraceRedisSlow: /redis: latency: [1-9]\d\d\.\d+ ms/ },
    mend: async () => {
      for (const way of ways) way.latency(0);
    },
  };
}

/** A worker that runs several jobs is no more; the other one takes them over. */
async function workerAway(stage: Stage, how: 'killed' | 'hangs'): Promise<Struck> {
  const ids = await Promise.all(Array.from({ length: HELD_JOBS }, () => leaveJob(stage, TENANTS.shop, PROMPTS.held)));
  const runners = await Promise.all(ids.map((id) => stage.system.runnerOf(id)));
  const { workers } = stage.system;
  const jobsOf = (worker: SpawnedService) => ids.filter((_, index) => runners[index] === worker);
  const [victim, other] = workers.toSorted((one, two) => jobsOf(two).length - jobsOf(one).length);
  if (victim === undefined || other === undefined) throw new Error('there are two workers');
  if (how === 'killed') await victim.kill();
  else victim.pause();
  const reason = how === 'killed' ? 'connection refused' : 'context deadline exceeded';
  return {
    finds: { MillraceNodeAway: new RegExp(`millrace-worker 127\\.0\\.0\\.1:${victim.port}: .*${reason}`) },
    mend: async () => {
      const taken = () => jobsOf(victim).every((id) => other.log.some(({ requestId }) => requestId === id));
      await eventually(taken, { timeoutMs: PATIENCE_MS });
      if (how === 'killed') await stage.startAgain('worker', workers.indexOf(victim));
      else victim.resume();
      await stage.operate('cancel', ...ids);
    },
  };
}

async function allWorkersAway(stage: Stage): Promise<Struck> {
  const { workers } = stage.system;
  await Promise.all(workers.map((worker) => worker.kill()));
  const reason = /millrace-worker .*connection refused\nmillrace-worker .*connection refused/;
  return {
    finds: { MillraceNodeAway: reason, MillraceNoWorker: reason },
    mend: async () => void (await Promise.all(workers.map((_, number) => stage.startAgain('worker', number)))),
  };
}

/** One tenant sends far more than it gets slots for. */
async function flood(stage: Stage): Promise<Struck> {
  const jobs = 15 * SLOTS * stage.system.workers.length;
  for (let count = 0; count < jobs; count += 1) await leaveJob(stage, TENANTS.flood, PROMPTS.slow);
  const most = new RegExp(`^${TENANTS.flood}\\s+\\d{3}\\b`, 'm');
  return {
    finds: { MillraceQueueFlood: most, MillraceQueueWaits: most },
    mend: async () => {
      for (const status of ['queued', 'active'])
        await stage.operate('cancel', '--all', status, '--tenant', TENANTS.flood);
    },
  };
}

async function redisAway({ system }: Stage): Promise<Struck> {
  await system.redis.shutDown();
  return { finds: { MillraceRedisAway: /redis: it does not answer/ }, mend: () => system.redis.start() };
}

async function provider(stage: Stage, does: 'fails' | 'throttles'): Promise<Struck> {
  stage.provider = does;
  return {
    finds: { MillraceJobsFail: /code="MODEL_ERROR"/, MillraceModelThrottles: /code="MODEL_RATE_LIMITED"/ },
    mend: async () => {
      stage.provider = 'well';
    },
  };
}

/** Does the same again and again, with a pause between. */
async function repeat(signal: AbortSignal, action: () => Promise<unknown>): Promise<void> {
  while (!signal.aborted) {
    await action();
    await delay(PAUSE_MS);
  }
}
