import { Redis } from 'ioredis';

/** What a Redis has done, since it started. */
interface RedisCounts {
  /** processor time, all threads, microseconds */
  readonly cpuMicros: number;
  /** scripts run */
  readonly scripts: number;
  /** commands run, also those that scripts call */
  readonly commands: number;
}

/** Reads the counters of a Redis: also of one in a container, whose process cannot be seen. */
export class RedisMeter implements Disposable {
  readonly #redis: Redis;

  constructor(url: string) {
    this.#redis = new Redis(url);
  }

  async read(): Promise<RedisCounts> {
    return countsIn(await this.#redis.info('cpu', 'stats', 'commandstats'));
  }

  [Symbol.dispose](): void {
    this.#redis.disconnect();
  }
}

const SCRIPT = /^cmdstat_(?:eval|evalsha|fcall)(?:_ro)?:calls=(\d+)/gm;

/** @param info of the sections cpu, stats and commandstats */
export function countsIn(info: string): RedisCounts {
  const field = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1] ?? 0);
  const scripts = [...info.matchAll(SCRIPT)].reduce((sum, [, calls]) => sum + Number(calls), 0);
  return {
    cpuMicros: (field('used_cpu_user') + field('used_cpu_sys')) * 1e6,
    scripts,
    commands: field('total_commands_processed'),
  };
}
