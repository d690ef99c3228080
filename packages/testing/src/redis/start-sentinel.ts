import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../latches/eventually.ts';
import { freePort } from '../latches/free-port.ts';
import { spawnRedisServer, startRedisProcess, untilRedisAnswers } from './redis-process.ts';
import type { TestRedis } from './test-redis.ts';
import { withConnection } from './with-connection.ts';

const MASTER_NAME = 'millrace';

/** A master and its replica, monitored by one sentinel; all real processes. */
export interface TestSentinel extends AsyncDisposable {
  /** `redis+sentinel://127.0.0.1:port/<master>` */
  readonly url: string;
  readonly sentinelPort: number;
  /** the master at the start; after its {@link TestRedis.kill} the replica takes over within about two seconds */
  readonly master: TestRedis;
  readonly replica: TestRedis;
  /** the port of the current master, as the sentinel sees it */
  masterPort(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts them; settles when the replica is in sync and the sentinel knows both. */
export async function startSentinel(): Promise<TestSentinel> {
  const master = await startRedisProcess();
  const replica = await startRedisProcess(['--replicaof', '127.0.0.1', String(master.port)]);
  const sentinelPort = await freePort();
  const directory = await mkdtemp(join(tmpdir(), 'millrace-sentinel-'));
  const configuration = join(directory, 'sentinel.conf');
  await writeFile(configuration, sentinelConfiguration(sentinelPort, master.port, directory));
  const sentinel = await spawnRedisServer([configuration, '--sentinel']);

  const stop = async () => {
    await sentinel.stop();
    await Promise.all([master.stop(), replica.stop()]);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await untilRedisAnswers(sentinelPort);
    await untilInStep(sentinelPort, replica.port);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `redis+sentinel://127.0.0.1:${sentinelPort}/${MASTER_NAME}`,
    sentinelPort,
    master,
    replica,
    masterPort: () =>
      withConnection(sentinelPort, async (redis) => {
        const address = await redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME);
        return Number((address as string[])[1]);
      }),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function sentinelConfiguration(port: number, masterPort: number, directory: string): string {
  return [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${directory}`,
    `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${masterPort} 1`,
    `sentinel down-after-milliseconds ${MASTER_NAME} 500`,
    `sentinel failover-timeout ${MASTER_NAME} 2000`,
    '',
  ].join('\n');
}

async function untilInStep(sentinelPort: number, replicaPort: number): Promise<void> {
  const patience = { timeoutMs: 20_000, everyMs: 50 };
  await withConnection(replicaPort, (redis) =>
    eventually(async () => (await redis.info('replication')).includes('master_link_status:up'), patience),
  );
  await withConnection(sentinelPort, (redis) =>
    eventually(async () => {
      const replicas = (await redis.call('SENTINEL', 'REPLICAS', MASTER_NAME)) as unknown[];
      return JSON.stringify(replicas).includes(`"master-link-status","ok"`);
    }, patience),
  );
}
