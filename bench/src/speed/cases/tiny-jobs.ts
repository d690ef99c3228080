import { startApp } from '../../peers/app-process.ts';
import { startOwnRedis } from '../../peers/own-redis.ts';
import { runScript } from '../../peers/run-script.ts';
import type { Case } from '../case.ts';
import { metered, rounded } from '../metered.ts';

const JOBS = 3_000;
const AT_ONCE = 100;
const BULLMQ = new URL('../../peers/bare/bullmq.ts', import.meta.url);

/** How many jobs a second, when their answers are next to nothing. */
export const TINY_JOB_CASES: readonly Case[] = [
  {
    of: 'tiny',
    peer: 'millrace',
    title: `${JOBS} jobs of three tokens, ${AT_ONCE} at a time`,
    everyRound: true,
    measure: async (stage) => {
      const { port, text } = stage.millrace.ask({ tokens: 3, perSecond: 0, firstTokenMs: 0, stamped: false });
      const load = { port, request: text, streams: JOBS, atOnce: AT_ONCE, overMs: 0, stamped: false };
      const { result, used } = await metered(stage, stage.millrace, () =>
        stage.generator.run(load, { signal: stage.signal }),
      );
      const perJob = (total: number) => rounded(total / JOBS);
      return {
        jobsPerSecond: Math.round((JOBS / result.wallMs) * 1e3),
        workerMicros: perJob(used.cpu.worker),
        relayMicros: perJob(used.cpu.relay),
        redisMicros: perJob(used.cpu.redis),
        nginxMicros: perJob(used.cpu.nginx),
        modelMicros: perJob(used.cpu.model),
        generatorMicros: perJob(used.cpu.generator),
        commandsPerJob: perJob(used.commands),
        scriptsPerJob: perJob(used.scripts),
      };
    },
  },
  {
    of: 'tiny',
    peer: 'bullmq',
    title: `BullMQ alone, ${JOBS} jobs that do nothing`,
    everyRound: true,
    measure: async () => {
      await using redis = await startOwnRedis();
      const env = { REDIS_URL: redis.url, JOBS: String(JOBS), AT_ONCE: String(AT_ONCE) };
      await using worker = await startApp(BULLMQ, { ...env, AS: 'worker' });
      const began = await runScript<{ at: number }>(BULLMQ, { ...env, AS: 'producer' });
      const ended = JSON.parse(await worker.child.line((line) => line.startsWith('{"at"'))) as { at: number };
      return { jobsPerSecond: Math.round((JOBS / (ended.at - began.at)) * 1e6) };
    },
  },
];
