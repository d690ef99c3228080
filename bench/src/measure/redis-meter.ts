import { Redis } from 'ioredis';

/** What a Redis has done, since it started. */
interface RedisCounts {
  /** processor time, all threads, microseconds */
  readonly cpuMicros: number;
  /** scripts run */
  readonly scripts: number;
  /** commands run, also those that scripts call */
  readonly commands: number;
  /** entries added to streams */
  readonly events: number;
  /** from all clients, bytes */
  readonly bytesIn: number;
  /** to all clients, bytes; of {@link RedisMeter.read}: without what the meter itself was told */
  readonly bytesOut: number;
  /** memory that the data takes, bytes: without buffers of clients and of the append-only file */
  readonly dataBytes: number;
}

/** Reads the counters of a Redis: also of one in a container, whose process cannot be seen. */
export class RedisMeter implements Disposable {
  readonly #redis: Redis;
  #toldBytes = 0;

  constructor(url: string) {
    this.#redis = new Redis(url);
  }

  async read(): Promise<RedisCounts> {
    const info = await this.#redis.info('cpu', 'stats', 'commandstats', 'memory');
    const counts = countsIn(info);
    const bytesOut = counts.bytesOut - this.#toldBytes;
    this.#toldBytes += info.length;
    return { ...counts, bytesOut };
  }

  [Symbol.dispose](): void {
    this.#redis.disconnect();
  }
}

const SCRIPT = /^cmdstat_(?:eval|evalsha|fcall)(?:_ro)?:calls=(\d+)/gm;

/** @param info of the sections cpu, stats, commandstats and memory */
export function countsIn(info: string): RedisCounts {
  const field = (name: string) => Number(new RegExp(`^${name}[:=]([\\d.]+)`, 'm').exec(info)?.[1] ?? 0);
  const scripts = [...info.matchAll(SCRIPT)].reduce((sum, [, calls]) => sum + Number(calls), 0);
  return {
    cpuMicros: (field('used_cpu_user') + field('used_cpu_sys')) * 1e6,
    scripts,
    commands: field('total_commands_processed'),
    events: field('cmdstat_xadd:calls'),
    bytesIn: field('total_net_input_bytes'),
    bytesOut: field('total_net_output_bytes'),
    dataBytes: field('used_memory') - field('mem_clients_normal') - field('mem_aof_buffer'),
  };
}
