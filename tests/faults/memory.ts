import { readFile } from 'node:fs/promises';
import type { SpawnedService } from '@millrace/testing';

/** Environment of a service whose heap {@link Heap} inspects. */
export const INSPECTED = { NODE_OPTIONS: '--inspect=127.0.0.1:0' };

const MIB = 1024 * 1024;

/** @returns the resident memory of a process, MiB; Linux only */
export async function rssMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

/** @returns the child processes of a process, such as nginx's workers; Linux only */
export async function childrenOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return children.split(' ').filter(Boolean).map(Number);
}

/** The heap of another Node process, through its inspector. */
export class Heap implements Disposable {
  private readonly replies = new Map<number, (result: unknown) => void>();
  private calls = 0;

  private constructor(private readonly socket: WebSocket) {
    socket.addEventListener('message', ({ data }) => {
      const { id, result } = JSON.parse(String(data)) as { id: number; result: unknown };
      this.replies.get(id)?.(result);
      this.replies.delete(id);
    });
  }

  /** @param service started with the environment {@link INSPECTED} */
  static async of({ child }: Pick<SpawnedService, 'child'>): Promise<Heap> {
    const line = await child.line((text) => text.startsWith('Debugger listening on '));
    const socket = new WebSocket(line.slice('Debugger listening on '.length));
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', reject);
    });
    return new Heap(socket);
  }

  /** Collects all garbage.
   *  @returns the live heap, MiB */
  async liveMiB(): Promise<number> {
    // the second collection frees what the first one finalises
    for (let round = 0; round < 2; round += 1) await this.call('HeapProfiler.collectGarbage');
    const { usedSize } = (await this.call('Runtime.getHeapUsage')) as { usedSize: number };
    return usedSize / MIB;
  }

  [Symbol.dispose](): void {
    this.socket.close();
  }

  private call(method: string): Promise<unknown> {
    this.calls += 1;
    const id = this.calls;
    return new Promise((resolve) => {
      this.replies.set(id, resolve);
      this.socket.send(JSON.stringify({ id, method }));
    });
  }
}
