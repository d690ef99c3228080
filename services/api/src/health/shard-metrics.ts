import type { Shards } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { SHARDS } from '../tokens.ts';
import { Metrics } from './metrics.ts';

/** Which of several Redis this node is connected to. Of a single one there is nothing to tell: a node without it is not ready. */
@Injectable()
export class ShardMetrics {
  constructor(@Inject(SHARDS) shards: Shards, @Inject(Metrics) { registry }: Metrics) {
    const told = shards.count === 1 ? [] : shards.indexes;
    new Gauge({
      name: 'millrace_shard_up',
      help: 'Of several shards whether the node is connected to each: 1, otherwise 0; shard: its number, from 0',
      labelNames: ['shard'],
      registers: [registry],
      collect() {
        for (const shard of told) this.set({ shard }, shards.isUp(shard) ? 1 : 0);
      },
    });
  }
}
