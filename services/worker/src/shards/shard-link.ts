import { type Logger, type RedisConnection, type RedisFactory, redisFactory, redisUrlsOf } from '@millrace/runtime';
import { ChannelHub } from '@millrace/stream-log';
import type { WorkerSettings } from '../settings.ts';
import { ShardPresence } from './shard-presence.ts';

/** The connections of a worker to one shard. */
export interface ShardLink {
  readonly index: number;
  /** opens every connection to it */
  readonly redis: RedisFactory;
  /** for commands, which wait while the shard is away */
  readonly commands: RedisConnection;
  /** for cancels */
  readonly hub: ChannelHub;
  readonly presence: ShardPresence;
}

/** Connects to every shard that the settings name. */
export function shardLinks(settings: WorkerSettings, logger: Logger): ShardLink[] {
  const { urls } = redisUrlsOf(settings);
  const isOne = urls.length === 1;
  return urls.map((url, index) => {
    const redis = redisFactory(url, { name: isOne ? 'millrace-worker' : `millrace-worker-s${index}`, logger });
    const [commands, subscriber] = [redis.connect('worker'), redis.connect('subscriber')];
    return {
      ...{ index, redis, commands },
      hub: new ChannelHub({ connection: subscriber, sharded: false }),
      presence: new ShardPresence(index, [commands, subscriber]),
    };
  });
}
