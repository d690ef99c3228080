import { GenericContainer, getContainerRuntimeClient, Wait } from 'testcontainers';
import { freePort } from '../latches/free-port.ts';
import { untilRedisAnswers } from './redis-process.ts';
import type { TestRedis } from './test-redis.ts';

const DEFAULT_IMAGE = 'redis:7';
const REDIS_PORT = 6379;

/** A Redis in a container, on a host port that stays the same across restarts.
 *  `REDIS_IMAGE` names the image; the environment variables of testcontainers apply too.
 *  @throws Error the engine does not answer, or cannot get the image */
export async function startRedisContainer(): Promise<TestRedis> {
  const port = await freePort();
  const container = await new GenericContainer(process.env['REDIS_IMAGE'] || DEFAULT_IMAGE)
    // the full command, so that images with and without an entry point behave alike
    .withCommand([
      'redis-server',
      ...['--appendonly', 'yes', '--appendfsync', 'always', '--save', '', '--maxmemory-policy', 'noeviction'],
      ...['--bind', '0.0.0.0', '--protected-mode', 'no'],
    ])
    .withExposedPorts({ container: REDIS_PORT, host: port })
    .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/))
    .withStartupTimeout(30_000)
    .start();
  const host = container.getHost();
  const engine = (await getContainerRuntimeClient()).container.dockerode.getContainer(container.getId());

  const stop = async () => void (await container.stop());
  const start = async () => {
    const { State } = await engine.inspect();
    if (!State.Running) await engine.start();
    await untilRedisAnswers(port, host);
  };
  const shutDown = async () => {
    await engine.stop();
  };
  return {
    kind: 'container',
    url: `redis://${host}:${port}`,
    port,
    stop,
    kill: async () => void (await engine.kill()),
    shutDown,
    start,
    restart: async () => {
      await shutDown();
      await start();
    },
    pause: async () => void (await engine.pause()),
    resume: async () => void (await engine.unpause()),
    [Symbol.asyncDispose]: stop,
  };
}
