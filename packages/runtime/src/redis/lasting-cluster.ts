import { Cluster, type ClusterNode, type ClusterOptions } from 'ioredis';

/** A cluster connection whose `connect()` always settles.
 *
 *  ioredis's own does not when the nodes answer and the cluster is down (a master is lost, its replica not promoted
 *  yet): the check of its state fails, ioredis connects again by itself, and the first promise is forgotten. BullMQ
 *  awaits it when it renews its blocking connection: its worker would never again fetch a job. */
export class LastingCluster extends Cluster {
  /** @throws Error this attempt has failed; ioredis goes on trying */
  override async connect(): Promise<void> {
    const closed = Promise.withResolvers<never>();
    const onClose = () => closed.reject(new Error('Connection is closed.'));
    this.once('close', onClose);
    try {
      await Promise.race([super.connect(), closed.promise]);
    } finally {
      this.off('close', onClose);
    }
  }

  /** A further connection of this kind, where ioredis would make one of its own kind.
   *  @param options instead of those of this one: `redisOptions` are not merged */
  override duplicate(startupNodes: ClusterNode[] = [], options: ClusterOptions = {}): Cluster {
    // private in ioredis's types
    const own = Reflect.get(this, 'startupNodes') as ClusterNode[];
    const all = { ...this.options, ...options } as ConstructorParameters<typeof LastingCluster>[1];
    return new LastingCluster(startupNodes.length > 0 ? startupNodes : own, all);
  }
}
