import type { ContentCipher, KeySpace } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { ShardPorts } from '../shards/shard-ports.ts';
import { CONTENT_CIPHER, KEYS, SHARD_PORTS } from '../tokens.ts';

/** How long Redis keeps the probe, milliseconds. */
const PROBE_KEPT_MS = 10_000;

export interface ReadinessReport {
  /** why the node is not ready; empty when it is */
  readonly obstacles: readonly string[];
  /** the numbers of the shards that it cannot use now */
  readonly lostShards: readonly number[];
}

/** Whether this node is ready for requests: Redis answers and accepts writes, subscriptions are confirmed, the master keys
 *  are those of what Redis holds, and the node is not stopping. Of several shards, one is enough: what it has must be served. */
@Injectable()
export class Readiness {
  readonly #drain = new AbortController();
  readonly #leave = new AbortController();

  constructor(
    @Inject(SHARD_PORTS) private readonly shards: readonly ShardPorts[],
    @Inject(KEYS) private readonly keys: KeySpace,
    @Inject(CONTENT_CIPHER) private readonly cipher: ContentCipher,
  ) {}

  /** Aborts when this node begins to stop: requests that wait must be answered now. */
  get drainSignal(): AbortSignal {
    return this.#drain.signal;
  }

  drain(): void {
    this.#drain.abort();
  }

  /** Aborts when this node closes: requests that could wait until now must be answered, too. */
  get leaveSignal(): AbortSignal {
    return this.#leave.signal;
  }

  leave(): void {
    this.#leave.abort();
  }

  async report(): Promise<ReadinessReport> {
    const obstacles: string[] = [];
    if (this.drainSignal.aborted) obstacles.push('draining');
    const ofShards = await this.#obstaclesOfShards();
    const lostShards = [...ofShards.keys()].filter((shard) => ofShards[shard]?.length);
    if (lostShards.length === ofShards.length) obstacles.push(...new Set(ofShards.flat()));
    if (this.cipher.isShut) obstacles.push('master-keys');
    return { obstacles, lostShards };
  }

  /** @returns for each shard why it cannot be used; empty when it can */
  #obstaclesOfShards(): Promise<string[][]> {
    return Promise.all(
      this.shards.map(async (shard) => {
        const redis = await this.#redisObstacle(shard);
        return [redis ?? [], shard.subscribers.ready ? [] : 'subscriptions'].flat();
      }),
    );
  }

  /** A full Redis, or a replica, answers a PING but accepts no job. */
  async #redisObstacle({ redis }: ShardPorts): Promise<string | null> {
    try {
      await redis.set(this.keys.writeProbe, '1', 'PX', PROBE_KEPT_MS);
      return null;
    } catch (error) {
      // the connection logs its outages
      return error instanceof Error && error.name === 'ReplyError' ? 'redis-writes' : 'redis';
    }
  }
}
