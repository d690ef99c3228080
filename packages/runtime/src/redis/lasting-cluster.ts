import { Cluster, type ClusterNode, type ClusterOptions } from 'ioredis';

/** A cluster connection whose `connect()` always settles.
 *
 *  In ioredis it stays pending when the nodes respond but the cluster is down (a master is lost and its replica is not
 *  promoted yet): the state check fails, ioredis reconnects by itself, and drops the first promise. BullMQ awaits that
 *  promise when it renews its blocking connection, so its worker would never fetch again. */
export class LastingCluster extends Cluster {
  readonly #startupNodes: ClusterNode[];

  constructor(...[startupNodes, options]: ConstructorParameters<typeof Cluster<'legacy'>>) {
    super(startupNodes, options);
    this.#startupNodes = startupNodes;
  }

  /** @throws Error this attempt failed; ioredis keeps trying */
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

  /** Creates another connection of this class; ioredis would create a plain Cluster.
   *  @param options override this connection's; `redisOptions` are not merged */
  override duplicate(startupNodes: ClusterNode[] = [], options: ClusterOptions = {}): Cluster {
    const nodes = startupNodes.length > 0 ? startupNodes : this.#startupNodes;
    const all = { ...this.options, ...options } as ConstructorParameters<typeof LastingCluster>[1];
    return new LastingCluster(nodes, all);
  }
}
