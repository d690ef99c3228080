import { eventually } from '../latches/eventually.ts';
import { freePort } from '../latches/free-port.ts';
import { startRedisProcess } from './redis-process.ts';
import type { TestRedis } from './test-redis.ts';
import { withConnection } from './with-connection.ts';

const SLOTS = 16_384;

export interface RedisClusterOptions {
  /** at least three, so that a majority remains when one is lost */
  readonly masters?: number;
  /** replicas of each master; a failover needs one */
  readonly replicasPerMaster?: number;
  /** after this long without an answer a node counts as lost, milliseconds */
  readonly nodeTimeoutMs?: number;
  /** further arguments of each `redis-server` */
  readonly serverArgs?: readonly string[];
}

/** A master at the start, and its first replica. */
export interface TestShard {
  readonly master: TestRedis;
  readonly replica: TestRedis;
}

/** A Redis Cluster of real `redis-server` processes. */
export interface TestRedisCluster extends AsyncDisposable {
  /** `redis+cluster://…` with every node */
  readonly url: string;
  readonly ports: readonly number[];
  readonly masters: readonly TestRedis[];
  readonly replicas: readonly TestRedis[];
  /** The shard that has a key, according to the first master.
   *  @throws Error it has no replica */
  shardOf(key: string): Promise<TestShard>;
  /** Settles when every running node sees the cluster as a whole. */
  untilOk(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a cluster whose masters share the slots evenly; settles when it accepts commands. */
export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<TestRedisCluster> {
  const { masters: masterCount = 3, replicasPerMaster = 0, nodeTimeoutMs = 2_000, serverArgs = [] } = options;
  const nodes = await Promise.all(
    Array.from({ length: masterCount * (1 + replicasPerMaster) }, () => startNode(nodeTimeoutMs, serverArgs)),
  );
  const masters = nodes.slice(0, masterCount);
  const replicas = nodes.slice(masterCount);
  const stop = async () => {
    await Promise.all(nodes.map(({ redis }) => redis.stop()));
  };
  const untilOk = async () => {
    for (const { redis } of nodes) await untilNodeIsOk(redis.port, nodes.length);
  };
  try {
    await shareSlots(masters);
    await introduce(nodes);
    await untilOk();
    await Promise.all(replicas.map((replica, index) => replicate(replica, masters[index % masterCount])));
  } catch (error) {
    await stop();
    throw error;
  }
  const ports = nodes.map(({ redis }) => redis.port);
  const shardOf = async (key: string): Promise<TestShard> => {
    const slot = await withConnection(ports[0] ?? 0, (redis) => redis.call('CLUSTER', 'KEYSLOT', key));
    const index = Math.floor((Number(slot) * masterCount) / SLOTS);
    const [master, replica] = [masters[index], replicas[index]];
    if (master === undefined || replica === undefined) throw new Error('the shard has no replica');
    return { master: master.redis, replica: replica.redis };
  };
  return {
    url: `redis+cluster://${ports.map((port) => `127.0.0.1:${port}`).join(',')}`,
    ports,
    masters: masters.map(({ redis }) => redis),
    replicas: replicas.map(({ redis }) => redis),
    shardOf,
    untilOk,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

interface Node {
  readonly redis: TestRedis;
  readonly busPort: number;
}

async function startNode(nodeTimeoutMs: number, serverArgs: readonly string[]): Promise<Node> {
  // the default, port + 10000, may be beyond the last port
  const busPort = await freePort();
  const redis = await startRedisProcess([
    ...['--cluster-enabled', 'yes', '--cluster-port', String(busPort)],
    ...['--cluster-node-timeout', String(nodeTimeoutMs), '--cluster-config-file', 'nodes.conf'],
    ...serverArgs,
  ]);
  return { redis, busPort };
}

async function shareSlots(masters: readonly Node[]): Promise<void> {
  const share = SLOTS / masters.length;
  for (const [index, { redis }] of masters.entries()) {
    const [first, last] = [Math.ceil(index * share), Math.ceil((index + 1) * share) - 1];
    await withConnection(redis.port, async (connection) => {
      await connection.call('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
      await connection.call('CLUSTER', 'ADDSLOTSRANGE', String(first), String(last));
    });
  }
}

async function introduce([first, ...others]: readonly Node[]): Promise<void> {
  if (first === undefined) return;
  await withConnection(first.redis.port, async (connection) => {
    for (const { redis, busPort } of others) {
      await connection.call('CLUSTER', 'MEET', '127.0.0.1', String(redis.port), String(busPort));
    }
  });
}

async function replicate(replica: Node, master: Node | undefined): Promise<void> {
  if (master === undefined) return;
  const masterId = await withConnection(master.redis.port, (redis) => redis.call('CLUSTER', 'MYID'));
  await withConnection(replica.redis.port, async (redis) => {
    await redis.call('CLUSTER', 'REPLICATE', String(masterId));
    await eventually(async () => (await redis.info('replication')).includes('master_link_status:up'), {
      timeoutMs: 20_000,
    });
  });
}

function untilNodeIsOk(port: number, knownNodes: number): Promise<boolean> {
  return withConnection(port, (redis) =>
    eventually(
      async () => {
        const info = String(await redis.call('CLUSTER', 'INFO'));
        return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${knownNodes}\r`);
      },
      { timeoutMs: 20_000, everyMs: 50 },
    ),
  );
}
