import { Cluster, type Command } from 'ioredis';
import { COMMAND_TIMEOUT_MS } from './connection-options.ts';

/** A cluster connection whose commands settle within {@link COMMAND_TIMEOUT_MS} in any state of the cluster. ioredis starts a
 *  command's timeout when a node accepts it; without a node, the command would wait for ever. */
export class BoundedCluster extends Cluster {
  override sendCommand(...args: Parameters<Cluster['sendCommand']>): unknown {
    const command: Command = args[0];
    command.setTimeout(COMMAND_TIMEOUT_MS);
    return super.sendCommand(...args);
  }
}
