import { Cluster, type Command } from 'ioredis';
import { COMMAND_TIMEOUT_MS } from './connection-options.ts';

/** A cluster connection that answers a caller within {@link COMMAND_TIMEOUT_MS}, whatever the state of the cluster.
 *  ioredis starts a command's timeout when a node takes it; without any node the command would wait for ever. */
export class BoundedCluster extends Cluster {
  override sendCommand(...args: Parameters<Cluster['sendCommand']>): unknown {
    const command: Command = args[0];
    command.setTimeout(COMMAND_TIMEOUT_MS);
    return super.sendCommand(...args);
  }
}
