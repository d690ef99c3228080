import type { SpawnedService } from './spawn-service.ts';

/** Environment of a service that {@link Inspector} can reach. */
export const INSPECTED = { NODE_OPTIONS: '--inspect=127.0.0.1:0' };

const MIB = 1024 * 1024;

const LISTENING = 'Debugger listening on ';

/** The inspector of another Node process: its heap and its profilers.
 *  @see https://chromedevtools.github.io/devtools-protocol/v8/ */
export class Inspector implements Disposable {
  private readonly waiting = new Map<number, PromiseWithResolvers<unknown>>();
  private calls = 0;

  private constructor(private readonly socket: WebSocket) {
    socket.addEventListener('message', ({ data }) => {
      const { id, result, error } = JSON.parse(String(data)) as Reply;
      if (error === undefined) this.waiting.get(id)?.resolve(result);
      else this.waiting.get(id)?.reject(new Error(error.message));
      this.waiting.delete(id);
    });
    socket.addEventListener('close', () => {
      for (const { reject } of this.waiting.values()) reject(new Error('the inspected process has ended'));
    });
  }

  /** @param service started with the environment {@link INSPECTED}
   *  @throws Error nothing answers there */
  static async of({ child }: Pick<SpawnedService, 'child'>): Promise<Inspector> {
    const line = await child.line((text) => text.startsWith(LISTENING));
    const socket = new WebSocket(line.slice(LISTENING.length));
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', () => reject(new Error('the inspector does not answer')));
    });
    return new Inspector(socket);
  }

  /** @param method `Profiler.start`, `HeapProfiler.collectGarbage`, …
   *  @throws Error it refuses, or the process ends before it has answered */
  async call(method: string, params: object = {}): Promise<unknown> {
    if (this.socket.readyState !== WebSocket.OPEN) throw new Error('the inspected process has ended');
    this.calls += 1;
    const id = this.calls;
    const answer = Promise.withResolvers<unknown>();
    this.waiting.set(id, answer);
    this.socket.send(JSON.stringify({ id, method, params }));
    return answer.promise;
  }

  /** Collects garbage, twice: the second time frees what the first one finalises. */
  async collectGarbage(): Promise<void> {
    for (let round = 0; round < 2; round += 1) await this.call('HeapProfiler.collectGarbage');
  }

  /** @returns what the heap holds, garbage included, bytes */
  async heapUsage(): Promise<{
    /** objects of JavaScript */
    readonly usedSize: number;
    /** the contents of its buffers, outside of the heap */
    readonly backingStorageSize: number;
  }> {
    return (await this.call('Runtime.getHeapUsage')) as Awaited<ReturnType<Inspector['heapUsage']>>;
  }

  /** Collects garbage.
   *  @returns what of JavaScript is left, MiB */
  async liveMiB(): Promise<number> {
    await this.collectGarbage();
    return (await this.heapUsage()).usedSize / MIB;
  }

  [Symbol.dispose](): void {
    this.socket.close();
  }
}

interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}
