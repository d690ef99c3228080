import { type RedisOptions, SentinelConnector } from 'ioredis';

/** ioredis's connector, which does not give up for good in the midst of a fail-over.
 *
 *  Its detector of fail-overs belongs to the connection before, and stays subscribed while the next is being made: what
 *  it hears then disconnects the connector, the new attempt fails with "Connection is closed.", and ioredis takes that
 *  for the end. A slow answer of a sentinel is enough. So the old detector goes before the new attempt. */
class LastingSentinelConnector extends SentinelConnector {
  override connect(...args: Parameters<SentinelConnector['connect']>): ReturnType<SentinelConnector['connect']> {
    // private in ioredis's types
    const detector = Reflect.get(this, 'failoverDetector') as { cleanup(): void } | null;
    detector?.cleanup();
    return super.connect(...args);
  }
}

/** For the option `Connector`, whose type knows nothing of what a sentinel connector is made with. */
export const sentinelConnector = LastingSentinelConnector as unknown as NonNullable<RedisOptions['Connector']>;
