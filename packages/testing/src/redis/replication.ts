import { eventually } from '../latches/eventually.ts';
import type { TestRedis } from './test-redis.ts';
import { withConnection } from './with-connection.ts';

const PATIENCE = { timeoutMs: 20_000, everyMs: 10 };

/** Cuts a replica off from its master and changes nothing else: what the master acknowledges from now on is lost when
 *  it dies and the replica is promoted. */
export async function severReplication(master: TestRedis, replica: TestRedis): Promise<void> {
  await withConnection(replica.port, async (redis) => {
    // the replica keeps asking, and is refused
    await redis.config('SET', 'masteruser', 'nobody', 'masterauth', 'wrong');
    await withConnection(master.port, (connection) => connection.call('CLIENT', 'KILL', 'TYPE', 'REPLICA'));
    await eventually(async () => (await redis.info('replication')).includes('master_link_status:down'), PATIENCE);
  });
}

/** Settles when a replica has been promoted and accepts writes.
 *  @throws Error it was not promoted within 20 s */
export async function untilPromoted(replica: TestRedis): Promise<void> {
  await withConnection(replica.port, (redis) =>
    eventually(async () => {
      if (!(await redis.info('replication')).includes('role:master')) return false;
      const isNode = (await redis.info('cluster')).includes('cluster_enabled:1');
      return !isNode || String(await redis.call('CLUSTER', 'INFO')).includes('cluster_state:ok');
    }, PATIENCE),
  );
}
