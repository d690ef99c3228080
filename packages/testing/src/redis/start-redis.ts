import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { startRedisProcess } from './redis-process.ts';
import type { TestRedis } from './test-redis.ts';

export type RedisKind = 'auto' | 'container' | 'process';

/** A real Redis for one test file: `await using redis = await startRedis()`.
 *  It runs in a container if a Docker engine answers, otherwise as a child process; `MILLRACE_TEST_REDIS` (`container`,
 *  `process` or `auto`) decides for a whole run. Tests that share a Redis use {@link newKeyPrefix}. */
export async function startRedis({ kind = wantedKind() }: { readonly kind?: RedisKind } = {}): Promise<TestRedis> {
  if (kind === 'process') return startRedisProcess();
  if (kind === 'auto' && !(await dockerAnswers())) return startRedisProcess();
  // loaded only when needed: loading takes longer than starting a Redis process
  const { startRedisContainer } = await import('./redis-container.ts');
  if (kind === 'container') return startRedisContainer();
  try {
    return await startRedisContainer();
  } catch (error) {
    process.emitWarning(`no Redis container (${String(error)}): using a redis-server process`);
    return startRedisProcess();
  }
}

/** A key prefix that no other test uses. */
export function newKeyPrefix(): string {
  return `test-${crypto.randomUUID()}`;
}

function wantedKind(): RedisKind {
  const wanted = process.env['MILLRACE_TEST_REDIS'] || 'auto';
  if (wanted === 'auto' || wanted === 'container' || wanted === 'process') return wanted;
  throw new Error(`MILLRACE_TEST_REDIS is ${wanted}; allowed: auto, container, process`);
}

const DOCKER_SOCKET = '/var/run/docker.sock';
const DOCKER_PATIENCE_MS = 500;

async function dockerAnswers(): Promise<boolean> {
  const host = process.env['DOCKER_HOST'] || (existsSync(DOCKER_SOCKET) ? `unix://${DOCKER_SOCKET}` : '');
  if (host === '') return false;
  const target = host.startsWith('unix://')
    ? { socketPath: host.slice('unix://'.length), path: '/_ping' }
    : { host: new URL(host).hostname, port: new URL(host).port, path: '/_ping' };
  return new Promise((resolve) => {
    const ping = request({ ...target, timeout: DOCKER_PATIENCE_MS }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    ping.on('error', () => resolve(false));
    ping.on('timeout', () => ping.destroy(new Error('no answer')));
    ping.end();
  });
}
