import { type ChildProcess, fork } from 'node:child_process';
import type { AttemptInfo } from '@millrace/contracts';
import type { Counts } from './counts.ts';
import { ALIVE_FRACTION, type AloneOrder, type AloneReport } from './messages.ts';

const ENTRY = new URL('../alone-main.js', import.meta.url);

/** How long such a process may be silent while it loads its pipelines, milliseconds. */
const START_MS = 60_000;

/** How long it may take to close its connections once its job has ended, milliseconds. */
const EXIT_MS = 5_000;

/** The process ended, or stood still for longer than a worker may, before its job had ended. */
export class AloneProcessLost extends Error {
  override readonly name = 'AloneProcessLost';
  constructor(readonly reason: string) {
    super(`the process of a job that runs alone was lost: ${reason}`);
  }
}

type Ended = Extract<AloneReport, { kind: 'ended' }>;

/** A process that runs one job and nothing else. */
export class AloneProcess {
  /** the attempt; null: none began */
  readonly began: Promise<AttemptInfo | null>;
  /** rejects with AloneProcessLost */
  readonly ended: Promise<Ended>;
  /** resolves when the process is gone */
  readonly gone: Promise<void>;
  readonly #child: ChildProcess;

  /** @param lockMs after which a silent worker counts as dead, milliseconds
   *  @param onCounts told what it has counted, some of it when it ends */
  constructor(order: Extract<AloneOrder, { kind: 'run' }>, lockMs: number, onCounts: (counts: Counts) => void) {
    const [began, ended, gone] = [
      Promise.withResolvers<AttemptInfo | null>(),
      Promise.withResolvers<Ended>(),
      Promise.withResolvers<void>(),
    ];
    this.began = began.promise;
    this.ended = ended.promise;
    this.gone = gone.promise;
    this.ended.catch(() => undefined); // whoever waits for it may come later
    const child = fork(ENTRY, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child = child;

    // turns of this worker's own timer, not time: after a stop of the whole machine both have been silent
    const checkMs = lockMs * ALIVE_FRACTION;
    let silentFor = START_MS;
    let checksLeft = Math.ceil(silentFor / checkMs);
    let exitTimer: NodeJS.Timeout | undefined;
    const watch = setInterval(() => {
      checksLeft -= 1;
      if (checksLeft > 0) return;
      lose(`silent for ${silentFor} ms`);
      child.kill('SIGKILL');
    }, checkMs);
    const lose = (reason: string) => {
      clearInterval(watch);
      ended.reject(new AloneProcessLost(reason));
      began.resolve(null);
    };
    child.on('message', (report: AloneReport) => {
      if (report.kind === 'began') {
        began.resolve(report.attempt);
        silentFor = lockMs;
      }
      if ('counts' in report && report.counts !== null) onCounts(report.counts);
      checksLeft = Math.ceil(silentFor / checkMs) + 1;
      if (report.kind !== 'ended') return;
      clearInterval(watch);
      began.resolve(null);
      ended.resolve(report);
      exitTimer = setTimeout(() => child.kill('SIGKILL'), EXIT_MS);
    });
    const end = (reason: string) => {
      clearTimeout(exitTimer);
      lose(reason);
      gone.resolve();
    };
    child.on('error', ({ message }) => end(message));
    child.on('exit', (code, signal) => end(signal ?? `exit code ${code}`));
    this.order(order);
  }

  order(order: AloneOrder): void {
    // it may be ending: then `exit` tells
    if (this.#child.connected) this.#child.send(order, () => undefined);
  }
}
