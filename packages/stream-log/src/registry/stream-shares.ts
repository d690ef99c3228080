import type { KeySpace } from '../redis/keys.ts';
import { type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';

/** A node that was not seen for this long is gone, and its shares with it, milliseconds. */
const LOST_MS = 5_000;
/** How long a tenant's shares outlive their last change, milliseconds. */
const KEPT_MS = 60_000;

/** What a node tells of a tenant's streams. */
export interface ShareRequest {
  readonly tenant: string;
  /** streams that the node has open */
  readonly open: number;
  /** how many more it is asked for */
  readonly wanted: number;
  /** the most on all nodes together; null: no limit */
  readonly max: number | null;
}

/** Divides the streams that a tenant may have open among the nodes. A share is a lease: it ends with its node.
 *  @see docs/adr/0048-a-nodes-share-of-the-streams.md */
export class StreamShares {
  /** How often a node must say that it is there, milliseconds. */
  static readonly BEAT_MS = 1_000;
  /** How often a node must repeat its shares, milliseconds. */
  static readonly REPEAT_MS = 20_000;

  readonly #run: RunScript;

  /** @param node the id of this process */
  constructor(
    readonly redis: RedisConnection,
    readonly keys: Pick<KeySpace, 'streamSharesOf' | 'streamNodes'>,
    readonly node: string,
  ) {
    this.#run = scriptsOf(redis);
  }

  /** Replaces this node's share of a tenant's streams, in one round trip.
   *  @returns how many it may have open now; at least those that it has */
  async ask({ tenant, open, wanted, max }: ShareRequest): Promise<number> {
    const keys = [this.keys.streamSharesOf(tenant), this.keys.streamNodes];
    return (await this.#run('share', keys, [this.node, open, wanted, max ?? -1, LOST_MS, KEPT_MS])) as number;
  }

  /** @returns how many streams of a tenant other nodes have open, as they said last */
  async openElsewhere(tenant: string): Promise<number> {
    const [shares, seen] = await Promise.all([
      this.redis.hgetall(this.keys.streamSharesOf(tenant)),
      this.redis.hgetall(this.keys.streamNodes),
    ]);
    const newest = Math.max(0, ...Object.values(seen).map(Number));
    return Object.entries(shares)
      .filter(([node]) => node !== this.node && Number(seen[node] ?? 0) >= newest - LOST_MS)
      .reduce((sum, [, share]) => sum + Number.parseInt(share, 10), 0);
  }

  /** Says that this node is there. */
  async beat(): Promise<void> {
    const [seconds, micros] = await this.redis.time();
    await this.redis.hset(
      this.keys.streamNodes,
      this.node,
      Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000),
    );
  }

  /** Forgets nodes that are gone. */
  async removeLost(): Promise<void> {
    const seen = Object.entries(await this.redis.hgetall(this.keys.streamNodes));
    const newest = Math.max(...seen.map(([, at]) => Number(at)));
    const lost = seen.filter(([, at]) => Number(at) < newest - 4 * LOST_MS);
    if (lost.length > 0) await this.redis.hdel(this.keys.streamNodes, ...lost.map(([node]) => node));
  }

  /** Gives all shares of this node back. */
  async withdraw(): Promise<void> {
    await this.redis.hdel(this.keys.streamNodes, this.node);
  }
}
