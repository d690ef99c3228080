import { type RedisOptions, SentinelConnector } from 'ioredis';

/** ioredis's connector for sentinels, without a race that ends a connection for good during a failover.
 *
 *  In ioredis the failover detector of the previous connection stays subscribed while the next connection is made. A message
 *  then disconnects the connector, the new attempt fails with "Connection is closed.", and ioredis stops trying. A slow
 *  reply of a sentinel is enough. `disconnect()` ends the old detector, so it comes before each attempt. */
class LastingSentinelConnector extends SentinelConnector {
  override connect(...args: Parameters<SentinelConnector['connect']>): ReturnType<SentinelConnector['connect']> {
    this.disconnect();
    return super.connect(...args);
  }
}

/** For the option `Connector`, whose type does not include the options of a sentinel connector. */
export const sentinelConnector = LastingSentinelConnector as unknown as NonNullable<RedisOptions['Connector']>;
