import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { Agent, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { KeySpace } from '@millrace/stream-log';
import { eventually } from '@millrace/testing';
import { Redis } from 'ioredis';
import { SystemHarness } from '../e2e/system-harness.ts';

const AT_ONCE = 50;
/** Measurements of a run. */
const STEPS = 20;
const MAX_GROWTH = 1.1;
/** More keys than a deployment has without a job, whatever it has done. */
const MAX_KEYS = 40;

/** How many jobs, and how long they stay in Redis after their end, seconds. */
interface Soak {
  readonly jobs: number;
  readonly retentionSeconds: number;
}

/** Runs jobs in steps, and measures Redis after each.
 *  @returns whether its memory has stayed flat, and the archive has all jobs */
export async function soakArchive({ jobs, retentionSeconds }: Soak): Promise<boolean> {
  await using parts = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'millrace-soak-'));
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  const system = parts.use(
    await SystemHarness.start({
      processes: 1,
      env: {
        MILLRACE_ARCHIVE: pathToFileURL(folder).href,
        MILLRACE_LOG_RETENTION_SECONDS: String(retentionSeconds),
        MILLRACE_SWEEP_MS: '1000',
        MILLRACE_WORKER_CONCURRENCY: String(AT_ONCE),
        MILLRACE_LOG_LEVEL: 'warn',
      },
    }),
  );
  system.model.answer(['short ', 'answer']);
  const redis = new Redis(system.redis.url);
  parts.defer(() => redis.disconnect());
  const keys = new KeySpace(system.env['MILLRACE_KEY_PREFIX'] ?? '');
  const step = Math.ceil(jobs / STEPS);
  const used: number[] = [];
  console.log('jobs, used_memory of Redis once they have left (MiB), keys');
  for (let done = 0; done < jobs; ) {
    const count = Math.min(step, jobs - done);
    await run(system, count);
    done += count;
    // every job of the step has left: how many were still on their way would say more than what stays
    await eventually(async () => (await redis.zcard(keys.allJobs)) === 0, { timeoutMs: 600_000 });
    // Redis deletes what has expired by and by
    await eventually(async () => (await redis.dbsize()) < MAX_KEYS, { timeoutMs: 600_000 });
    const bytes = Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
    used.push(bytes);
    console.log(`${done}, ${(bytes / 1_048_576).toFixed(2)}, ${await redis.dbsize()}`);
  }
  await eventually(async () => (await redis.zcard(keys.unarchivedJobs)) === 0, { timeoutMs: 600_000 });
  const files = await readdir(join(folder, 'jobs'), { recursive: true, withFileTypes: true });
  const archived = files.filter((file) => file.isFile()).length;
  // Redis fills until the first jobs leave it: by half time they have, unless the run is very short
  const half = mean(used.slice(STEPS / 2, (STEPS * 3) / 4));
  const end = mean(used.slice((STEPS * 3) / 4));
  const growth = end / half;
  console.log(
    `archived: ${archived} of ${jobs}; growth of the memory in the second half: ${((growth - 1) * 100).toFixed(1)} %`,
  );
  return archived === jobs && growth <= MAX_GROWTH;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Runs jobs to their ends, some at a time. */
async function run(system: SystemHarness, count: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  let left = count;
  const asker = async () => {
    while (left > 0) {
      left -= 1;
      await ask(agent, system.node(0));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, asker));
  agent.destroy();
  // otherwise this process would keep them
  system.model.requests.length = 0;
}

async function ask(agent: Agent, url: string): Promise<void> {
  const headers = { 'content-type': 'application/json', accept: 'text/event-stream' };
  const outgoing = request(`${url}/jobs`, { method: 'POST', headers, agent });
  outgoing.end('{"query":"short"}');
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of answer) text += chunk;
  if (answer.statusCode === 503) {
    // a machine that has other things to do may leave Redis without an answer for a moment
    await delay(1_000);
    return ask(agent, url);
  }
  if (!text.includes('event: done')) throw new Error(`a job did not end: ${text}`);
}
