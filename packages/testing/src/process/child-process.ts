import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type KeptOutput, keepOutput } from '../canaries/kept-output.ts';
import { deferred } from '../latches/deferred.ts';

export interface ChildCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** the whole environment; this process's own when left out */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const STOP_GRACE_MS = 30_000;

/** A child process whose output is kept line by line. It does not outlive this process, even if this one is killed. */
export class Child implements AsyncDisposable {
  /** the lines of stdout and stderr so far */
  readonly lines: string[] = [];
  /** settles once it has ended, for any reason, and all its output has been read */
  readonly exited: Promise<ChildExit>;
  private readonly waiters = new Set<(line: string) => void>();

  private constructor(
    private readonly process: ChildProcess,
    private readonly kept: KeptOutput | null,
  ) {
    for (const output of [process.stdout, process.stderr]) {
      if (output !== null) createInterface({ input: output }).on('line', (line) => this.take(line));
    }
    this.exited = once(process, 'close').then(([code, signal]) => {
      kept?.close();
      return { code, signal };
    });
  }

  /** @throws Error the command could not be started */
  static async start({ command, args, cwd, env }: ChildCommand): Promise<Child> {
    const process = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(cwd === undefined ? {} : { cwd }),
      ...(env === undefined ? {} : { env: { ...env } }),
    });
    await once(process, 'spawn'); // rejects with the child's `error`
    const child = new Child(process, keepOutput(command, args));
    guard(child);
    return child;
  }

  get pid(): number {
    if (this.process.pid === undefined) throw new Error('a spawned process has a pid');
    return this.process.pid;
  }

  get running(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  /** The first line that matches, already written or still to come.
   *  @throws Error the process ended, or time ran out, without such a line; quotes its last lines */
  async line(matches: (line: string) => boolean, timeoutMs = 30_000): Promise<string> {
    const known = this.lines.find(matches);
    if (known !== undefined) return known;
    const found = deferred<string>();
    const waiter = (line: string) => {
      if (matches(line)) found.resolve(line);
    };
    const timer = setTimeout(() => found.reject(this.failure(`wrote no such line in ${timeoutMs} ms`)), timeoutMs);
    this.waiters.add(waiter);
    void this.exited.then(() => found.reject(this.failure('ended')));
    try {
      return await found.promise;
    } finally {
      clearTimeout(timer);
      this.waiters.delete(waiter);
    }
  }

  /** Asks it to end (SIGTERM), waits, and kills it if it takes too long. */
  async stop(graceMs = STOP_GRACE_MS): Promise<ChildExit> {
    this.process.kill('SIGCONT'); // a paused process would not handle the signal
    this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), graceMs);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends it at once (SIGKILL), without a chance to clean up. */
  async kill(): Promise<ChildExit> {
    this.process.kill('SIGKILL');
    return this.exited;
  }

  /** Freezes it (SIGSTOP): its connections stay open, and nothing answers on them. */
  pause(): void {
    this.process.kill('SIGSTOP');
  }

  /** Resumes a paused process (SIGCONT). */
  resume(): void {
    this.process.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) await this.stop();
  }

  private take(line: string): void {
    this.lines.push(line);
    this.kept?.add(line);
    for (const waiter of this.waiters) waiter(line);
  }

  private failure(what: string): Error {
    return new Error(`${this.process.spawnfile} ${what}; its last lines:\n${this.lines.slice(-20).join('\n')}`);
  }
}

/** A shell that waits for its input to end, as it does when this process ends, and then kills the child.
 *  Our own signal handlers would not run when a test runner is killed. */
function guard(child: Child): void {
  const shell = spawn('sh', ['-c', 'read -r _; kill -9 "$0"', String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  void child.exited.then(() => shell.kill('SIGKILL'));
}
