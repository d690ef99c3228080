import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { Agent, type IncomingMessage, request } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { eventually, INSPECTED, Inspector, type SpawnedService } from '@millrace/testing';
import { Redis } from 'ioredis';
import { SystemHarness } from '../e2e/system-harness.ts';
import { figures } from './figures.ts';
import { openMany } from './raw-reader.ts';

const JOBS = 50_000;
const WARM_UP = 3_000;
const AT_ONCE = 100;
const RETENTION_SECONDS = 5;
/** A leak of 60 bytes per job would exceed this. */
const HEAP_MIB = 3;
/** The keys that remain without any job; the ledger keeps a day's sums, BullMQ the
 *  last few events of the queue. */
const LASTING =
  /:\{pipelines\}$|:registry\}:(shard|fair-turns|workers|reports|stream-nodes|slot-policy|sweeper:[\d-]+|write-probe|usage-tenants|tenant:default:usage:\d+)$|:queue\}:jobs:(meta|id|events|pc|marker|stalled|stalled-check)$/;

/** What a run leaves behind. */
interface Remains {
  readonly apiMiB: number;
  readonly workerMiB: number;
  /** open files and sockets */
  readonly apiFiles: number;
  readonly workerFiles: number;
  readonly channels: number;
  readonly clients: number;
}

describe('a leak check', () => {
  it('50,000 jobs through one API and one worker: heap, sockets, keys and subscriptions are as before', async () => {
    await using system = await SystemHarness.start({
      processes: 1,
      env: {
        MILLRACE_LOG_RETENTION_SECONDS: String(RETENTION_SECONDS),
        MILLRACE_RECORD_RETENTION_SECONDS: String(RETENTION_SECONDS),
        MILLRACE_SWEEP_MS: '1000',
        MILLRACE_WORKER_CONCURRENCY: String(AT_ONCE),
        MILLRACE_LOG_LEVEL: 'warn',
        ...INSPECTED,
      },
    });
    const [api, worker] = [system.apis[0], system.workers[0]];
    if (api === undefined || worker === undefined) throw new Error('there is one of each');
    const redis = new Redis(system.redis.url);
    try {
      await run(system, api.url, WARM_UP);
      await eventually(() => forgotten(redis), { timeoutMs: 60_000, everyMs: 500 });
      const before = await remains(redis, api, worker);
      const since = performance.now();
      await run(system, api.url, JOBS);
      const tookMs = performance.now() - since;
      const keys = await eventually(() => forgotten(redis), { timeoutMs: 60_000, everyMs: 500 });
      const left = await remains(redis, api, worker);
      figures({
        jobs: JOBS,
        jobsPerSecond: (JOBS * 1_000) / tookMs,
        apiMiB: left.apiMiB,
        apiGrownKiB: (left.apiMiB - before.apiMiB) * 1024,
        workerMiB: left.workerMiB,
        workerGrownKiB: (left.workerMiB - before.workerMiB) * 1024,
        files: left.apiFiles + left.workerFiles,
        keys,
        channels: left.channels,
      });
      expect(left.apiMiB - before.apiMiB).toBeLessThanOrEqual(HEAP_MIB);
      expect(left.workerMiB - before.workerMiB).toBeLessThanOrEqual(HEAP_MIB);
      const { channels, clients } = before;
      expect(left).toMatchObject({ channels, clients });
      // the worker keeps idle connections to the model for later jobs
      expect(left.apiFiles).toBeLessThanOrEqual(before.apiFiles);
      expect(left.workerFiles).toBeLessThanOrEqual(before.workerFiles + AT_ONCE);
    } finally {
      redis.disconnect();
    }
  }, 480_000);
});

/** Runs short jobs to the end: most are streamed to the end, some are left midway, some are never watched. */
async function run(system: SystemHarness, url: string, count: number): Promise<void> {
  system.model.answer(['short ', 'answer']);
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const kinds = ['stream', 'stream', 'stream', 'leave', 'json'] as const;
  await openMany(count, (index) => ask(agent, url, kinds[index % kinds.length] ?? 'stream'), AT_ONCE);
  agent.destroy();
  // otherwise the test itself would keep them
  system.model.requests.length = 0;
}

async function ask(agent: Agent, url: string, kind: 'stream' | 'leave' | 'json'): Promise<void> {
  const accept = kind === 'json' ? 'application/json' : 'text/event-stream';
  const headers = { 'content-type': 'application/json', accept };
  const outgoing = request(`${url}/jobs`, {
    method: 'POST',
    headers,
    ...(kind === 'leave' ? { agent: false } : { agent }),
  });
  outgoing.end('{"query":"short"}');
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  if (kind === 'leave') return void answer.destroy();
  let text = '';
  for await (const chunk of answer) text += chunk;
  if (kind === 'stream' && !text.includes('event: done')) throw new Error(`a job did not end: ${text}`);
}

/** @returns how many keys belong to no job
 *  @throws Error there are other keys; quotes some */
async function forgotten(redis: Redis): Promise<number> {
  const keys = await redis.keys('*');
  const left = keys.filter((key) => !LASTING.test(key));
  if (left.length > 0) throw new Error(`${left.length} keys are left: ${left.slice(0, 10).join(' ')}`);
  return keys.length;
}

async function remains(redis: Redis, api: SpawnedService, worker: SpawnedService): Promise<Remains> {
  using apiHeap = await Inspector.of(api);
  using workerHeap = await Inspector.of(worker);
  const files = async ({ pid }: SpawnedService) => (await readdir(`/proc/${pid}/fd`)).length;
  return {
    apiMiB: await apiHeap.liveMiB(),
    workerMiB: await workerHeap.liveMiB(),
    apiFiles: await files(api),
    workerFiles: await files(worker),
    channels: ((await redis.pubsub('CHANNELS', '*')) as string[]).length,
    clients: String(await redis.client('LIST'))
      .trim()
      .split('\n').length,
  };
}
