import type { HeapProfiler, Profiler } from 'node:inspector';
import { Inspector, type SpawnedService } from '@millrace/testing';
import { cpuMicros, firstThreadMicros } from '../measure/cpu.ts';
import { busyMicros, type Holdings, liveBytes } from './profiles.ts';

/** What a process used while something ran, microseconds of processor time. */
export interface Spent {
  readonly allMicros: number;
  /** of {@link allMicros}, by who has the function that ran, or the thread */
  readonly byHolder: Holdings;
}

const OTHER_THREADS = 'other threads: garbage collection, compiler';

/** The profilers of one service, which was started with INSPECTED. */
export class ServiceProfiler implements Disposable {
  readonly #inspector: Inspector;
  readonly #pid: number;

  private constructor(inspector: Inspector, pid: number) {
    this.#inspector = inspector;
    this.#pid = pid;
  }

  static async of(service: SpawnedService): Promise<ServiceProfiler> {
    const inspector = await Inspector.of(service);
    await inspector.call('Profiler.enable');
    return new ServiceProfiler(inspector, service.pid);
  }

  /** Begins a profile.
   *  @returns ends it */
  async begin(): Promise<() => Promise<Spent>> {
    await this.#inspector.call('Profiler.start');
    const before = this.#used();
    return async () => {
      const after = this.#used();
      const { profile } = (await this.#inspector.call('Profiler.stop')) as { profile: Profiler.Profile };
      const allMicros = after.all - before.all;
      const main = after.main - before.main;
      // the profile goes by the clock, and a thread that is busy may wait for a core
      const busy = busyMicros(profile);
      const total = [...busy.values()].reduce((sum, micros) => sum + micros, 0);
      const byHolder = new Map([...busy].map(([holder, micros]) => [holder, (micros / total) * main]));
      byHolder.set(OTHER_THREADS, Math.max(0, allMicros - main));
      return { allMicros, byHolder };
    };
  }

  /** Finds what is alive after something has happened that was not before.
   *  @returns bytes: of JavaScript, by who has the function that made it, and of buffers outside of it */
  async kept(happens: () => Promise<void>): Promise<{ readonly byHolder: Holdings; readonly bufferBytes: number }> {
    await this.#inspector.collectGarbage();
    const before = await this.#inspector.heapUsage();
    // once in so many bytes: a heap of megabytes is known to a hundredth
    await this.#inspector.call('HeapProfiler.startSampling', { samplingInterval: 4_096 });
    await happens();
    await this.#inspector.collectGarbage();
    const { profile } = (await this.#inspector.call('HeapProfiler.stopSampling')) as {
      profile: HeapProfiler.SamplingHeapProfile;
    };
    const after = await this.#inspector.heapUsage();
    return { byHolder: liveBytes(profile), bufferBytes: after.backingStorageSize - before.backingStorageSize };
  }

  [Symbol.dispose](): void {
    this.#inspector[Symbol.dispose]();
  }

  #used() {
    return { all: cpuMicros([this.#pid]), main: firstThreadMicros(this.#pid) };
  }
}
