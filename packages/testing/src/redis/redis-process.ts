import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { eventually } from '../latches/eventually.ts';
import { freePort } from '../latches/free-port.ts';
import { Child } from '../process/child-process.ts';
import type { TestRedis } from './test-redis.ts';

const SERVER_NAMES = ['redis-server', 'valkey-server'];

/** Starts the server that `MILLRACE_TEST_REDIS_PROGRAM` names, otherwise the first known one on the PATH.
 *  @throws Error none is installed */
export async function spawnRedisServer(args: readonly string[]): Promise<Child> {
  const wanted = process.env['MILLRACE_TEST_REDIS_PROGRAM'];
  const names = wanted ? [wanted] : SERVER_NAMES;
  for (const command of names) {
    try {
      return await Child.start({ command, args });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
  throw new Error(`none of ${names.join(', ')} can be run`);
}

/** Waits until a server answers and has loaded its data.
 *  @throws Error it does not in time */
export async function untilRedisAnswers(port: number, host = '127.0.0.1', timeoutMs = 30_000): Promise<void> {
  const probe = new Redis({ host, port, lazyConnect: true, retryStrategy: () => 20, connectTimeout: 1_000 });
  probe.on('error', () => {
    // refused until the server listens; the probe tries again
  });
  try {
    await eventually(() => probe.ping(), { timeoutMs });
  } finally {
    probe.disconnect();
  }
}

/** A separate `redis-server` on a free port, with an append-only file in its own directory. */
export async function startRedisProcess(extraArgs: readonly string[] = []): Promise<TestRedis> {
  const port = await freePort();
  const directory = await mkdtemp(join(tmpdir(), 'millrace-redis-'));
  const start = async () => {
    const child = await spawnRedisServer([
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', directory],
      ...['--appendonly', 'yes', '--appendfsync', 'always', '--save', '', '--maxmemory-policy', 'noeviction'],
      ...extraArgs,
    ]);
    await untilRedisAnswers(port);
    return child;
  };
  let child = await start();

  const stop = async () => {
    await child.stop();
    await rm(directory, { recursive: true, force: true });
  };
  return {
    kind: 'process',
    url: `redis://127.0.0.1:${port}`,
    port,
    stop,
    kill: async () => void (await child.kill()),
    shutDown: async () => void (await child.stop()),
    start: async () => {
      if (!child.running) child = await start();
    },
    restart: async () => {
      await child.stop();
      child = await start();
    },
    pause: async () => child.pause(),
    resume: async () => child.resume(),
    [Symbol.asyncDispose]: stop,
  };
}
