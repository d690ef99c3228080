import type { ThreadRef } from '@millrace/contracts';
import type { ChannelListener } from '@millrace/stream-log';
import type { NextTurn, ThreadTurns } from './thread-turns.ts';

/** A turn that has not come yet. */
interface ExpectedTurn {
  /** of the thread, see {@link NextTurn} */
  readonly createdAt: string;
  /** the last turn that the watcher was given */
  readonly after: number;
}

/** A reader of a thread as its topic sees it. */
export interface ThreadWatcher {
  /** what it waits for; null: it does not wait */
  readonly waitsFor: ExpectedTurn | null;
  /** a read failed: somebody must call `wake()` */
  readonly stalled: boolean;
  /** the thread has changed, or may have: ask for the next turn */
  wake(): void;
  /** the node closes */
  end(): void;
}

/** One followed thread in a process. The channel only wakes its watchers: what has happened is read, once for all
 *  watchers that want the same (laws 1 and 17). */
export class ThreadTopic implements ChannelListener {
  readonly watchers = new Set<ThreadWatcher>();
  /** when the waiting watchers were last known to miss nothing, ms of performance.now() */
  levelAt = performance.now();
  /** reads in flight, by the turn before */
  readonly #reads = new Map<number, Promise<NextTurn>>();

  constructor(
    readonly ref: ThreadRef,
    readonly turns: ThreadTurns,
  ) {}

  message(): void {
    this.changed();
  }

  resubscribed(): void {
    this.changed();
  }

  changed(): void {
    // a read that is in flight may have missed the change
    this.#reads.clear();
    this.levelAt = performance.now();
    for (const watcher of this.watchers) watcher.wake();
  }

  /** Reads what comes after a turn. */
  next(turn: number): Promise<NextTurn> {
    const known = this.#reads.get(turn);
    if (known !== undefined) return known;
    const read = this.turns.after(this.ref, turn).finally(() => {
      if (this.#reads.get(turn) === read) this.#reads.delete(turn);
    });
    this.#reads.set(turn, read);
    return read;
  }

  get hasWaiting(): boolean {
    for (const { waitsFor } of this.watchers) if (waitsFor !== null) return true;
    return false;
  }
}
