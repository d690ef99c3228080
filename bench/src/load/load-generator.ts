import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Load, LoadCommand, LoadMark, LoadReport, LoadResult } from './load.ts';

/** A load that was begun: it ends by itself, or when it is told to. */
export interface RunningLoad {
  /** settles when every stream has the head of its answer */
  readonly open: Promise<void>;
  readonly done: Promise<LoadResult>;
  stop(): Promise<LoadResult>;
}

/** The generator's process, seen from its parent. One load at a time. */
export class LoadGenerator implements AsyncDisposable {
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.child = child;
  }

  static async start(): Promise<LoadGenerator> {
    const generator = new LoadGenerator(fork(new URL('generator.ts', import.meta.url)));
    await generator.report('ready');
    return generator;
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('the load generator did not start');
    return this.child.pid;
  }

  /** @throws Error the generator ended */
  begin(load: Load): RunningLoad {
    const done = this.report('done').then(({ result }) => result);
    const open = this.report('open').then(() => undefined);
    // a load that is stopped before it is open has nobody who waits for that
    open.catch(() => undefined);
    this.send({ kind: 'run', load });
    return {
      open,
      done,
      stop: () => {
        this.send({ kind: 'stop' });
        return done;
      },
    };
  }

  /** Runs a load to its end.
   *  @param timeoutMs a peer that hangs must not hang the run
   *  @throws Error a stream failed, or the time was up; says what came in place of an answer */
  async run(
    load: Load,
    { signal, timeoutMs = 120_000 }: { signal: AbortSignal; timeoutMs?: number },
  ): Promise<LoadResult> {
    const running = this.begin(load);
    const stopped = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const stop = () => this.send({ kind: 'stop' });
    stopped.addEventListener('abort', stop, { once: true });
    const result = await running.done;
    stopped.removeEventListener('abort', stop);
    signal.throwIfAborted();
    if (stopped.aborted) throw new Error(`the load took longer than ${timeoutMs} ms: ${JSON.stringify(result)}`);
    if (result.failed > 0) throw new Error(`${result.failed} of ${load.streams} streams failed: ${result.failure}`);
    return result;
  }

  /** What the load under way has brought since it was last asked.
   *  @throws Error the generator ended */
  async mark(): Promise<LoadMark> {
    const answer = this.report('mark');
    this.send({ kind: 'mark' });
    return (await answer).mark;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null) return;
    this.child.disconnect();
    await once(this.child, 'exit');
  }

  private send(command: LoadCommand): void {
    this.child.send(command);
  }

  private report<Kind extends LoadReport['kind']>(kind: Kind): Promise<Extract<LoadReport, { kind: Kind }>> {
    const { promise, resolve, reject } = Promise.withResolvers<Extract<LoadReport, { kind: Kind }>>();
    const onMessage = (report: LoadReport) => {
      if (report.kind !== kind) return;
      settle();
      resolve(report as Extract<LoadReport, { kind: Kind }>);
    };
    const onExit = () => {
      settle();
      reject(new Error('the load generator ended'));
    };
    const settle = () => {
      this.child.off('message', onMessage);
      this.child.off('exit', onExit);
    };
    this.child.on('message', onMessage);
    this.child.on('exit', onExit);
    return promise;
  }
}
