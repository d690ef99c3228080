import type { JobRef } from '@millrace/contracts';
import type { AbandonedJobs } from '@millrace/stream-log';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { ApiSettings } from '../settings.ts';
import { ABANDONED_JOBS, SETTINGS } from '../tokens.ts';
import { Cancellation } from './cancellation.ts';

/** Jobs cancelled in one round, at most. */
const ROUND = 100;

/** Every node is back this long after Redis is (law 12), milliseconds. */
const SETTLE_MS = 5_000;

/** One reader's part in keeping a job alive. The first call counts. */
export interface Watch {
  /** the reader is gone */
  end(): void;
  /** the reader has its answer and is not lost, though the job may go on */
  answered(): void;
  /** the job has ended: nobody needs to watch any more */
  jobEnded(): void;
}

const NO_WATCH: Watch = { end() {}, answered() {}, jobEnded() {} };

export interface WatchedJob {
  readonly ref: JobRef;
  readonly onDisconnect: 'continue' | 'cancel';
}

/** The readers that one job has in this process. */
interface Readers {
  /** connected now */
  count: number;
  /** connections that made the job and have not had their answer, the lost ones included */
  creators: number;
}

/** Cancels jobs that asked for it (`onDisconnect: "cancel"`) when nobody has watched them for the grace time.
 *
 *  Watchers may be on any node, and a node may die, so the decision rests on Redis alone (law 1): a sorted set holds
 *  each such job with a deadline. Every node with a watcher moves the deadline forward, three times per grace time; a
 *  node whose last watcher leaves sets it to now + grace; any node cancels what is overdue. A dead node moves nothing
 *  any more, so its jobs fall due within twice the grace time. Only a creating connection makes a deadline; other
 *  readers move one that is there, since without one the creator was never lost.
 *
 *  After an outage every deadline is overdue although all readers are still there: a node that has seen one cancels
 *  nothing until the others have had time to come back and renew. */
@Injectable()
export class WatchLeases implements OnApplicationBootstrap, OnApplicationShutdown {
  /** of this process, by job */
  readonly #readers = new Map<JobRef, Readers>();
  /** jobs that lost their last reader while Redis could not be told */
  readonly #untold = new Set<JobRef>();
  readonly #graceMs: number;
  /** Redis's clock minus ours: deadlines of several machines need one clock */
  #clockOffsetMs = 0;
  /** from when on this node may cancel, ms of performance.now(); null: the last round failed */
  #settledAt: number | null = 0;
  #timer: NodeJS.Timeout | null = null;
  #round: Promise<void> | null = null;

  constructor(
    @Inject(SETTINGS) settings: ApiSettings,
    @Inject(ABANDONED_JOBS) private readonly abandoned: AbandonedJobs,
    @Inject(Cancellation) private readonly cancellation: Cancellation,
  ) {
    this.#graceMs = settings.MILLRACE_DISCONNECT_GRACE_MS;
  }

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => {
      // a round that waits for a Redis that is away is not followed by a queue of others
      this.#round ??= this.#renewAndCancel().finally(() => {
        this.#round = null;
      });
    }, this.#graceMs / 3);
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#round;
  }

  /** Counts a reader of a job in. Costs nothing for a job that goes on without readers. */
  watch(job: WatchedJob, { isCreator }: { readonly isCreator: boolean }): Watch {
    if (job.onDisconnect !== 'cancel') return NO_WATCH;
    const { ref } = job;
    const readers = this.#readers.get(ref) ?? { count: 0, creators: 0 };
    this.#readers.set(ref, readers);
    readers.count += 1;
    if (isCreator) readers.creators += 1;
    this.#attempt(this.abandoned.extend([ref], this.#deadline(2), { create: isCreator }));
    const leaving = (leave: () => void) => {
      let left = false;
      return () => {
        if (left) return;
        left = true;
        readers.count -= 1;
        if (readers.count === 0) this.#readers.delete(ref);
        leave();
      };
    };
    return {
      end: leaving(() => this.#left(ref, readers)),
      answered: leaving(() => {
        if (isCreator) readers.creators -= 1;
        // another creating connection of this process keeps the deadline; one on another node renews it
        if (readers.creators === 0) this.#forget(ref);
        else this.#left(ref, readers);
      }),
      jobEnded: leaving(() => {
        readers.creators = 0;
        this.#forget(ref);
      }),
    };
  }

  /** The job falls due unless somebody else watches it, here or on another node. */
  #left(ref: JobRef, { count, creators }: Readers): void {
    if (count > 0) return;
    if (creators === 0) this.#attempt(this.abandoned.setExisting(ref, this.#deadline(1)));
    else this.abandoned.set(ref, this.#deadline(1)).catch(() => this.#untold.add(ref));
  }

  #forget(ref: JobRef): void {
    this.#untold.delete(ref);
    this.#attempt(this.abandoned.remove(ref));
  }

  #deadline(graces: number): number {
    return Math.round(Date.now() + this.#clockOffsetMs + graces * this.#graceMs);
  }

  async #renewAndCancel(): Promise<void> {
    try {
      await this.#readClock();
      await this.#renew();
      this.#settledAt ??= performance.now() + SETTLE_MS;
      if (performance.now() >= this.#settledAt) await this.#cancelOverdue();
    } catch {
      this.#settledAt = null; // an outage, which the connection has logged
    }
  }

  async #readClock(): Promise<void> {
    this.#clockOffsetMs = (await this.abandoned.nowMs()) - Date.now();
  }

  async #renew(): Promise<void> {
    for (const ref of [...this.#untold]) {
      await this.abandoned.set(ref, this.#deadline(1));
      this.#untold.delete(ref);
    }
    const refs = (made: boolean) =>
      [...this.#readers].filter(([, { creators }]) => creators > 0 === made).map(([ref]) => ref);
    for (const create of [true, false]) await this.abandoned.extend(refs(create), this.#deadline(2), { create });
  }

  async #cancelOverdue(): Promise<void> {
    for (const ref of await this.abandoned.overdue(this.#deadline(0), ROUND)) {
      // a reader may have come back while the others of this round were cancelled
      if (!(await this.abandoned.claim(ref, this.#deadline(0), this.#deadline(2)))) continue;
      await this.cancellation.cancel(ref, 'disconnect');
      await this.abandoned.remove(ref);
    }
  }

  #attempt(write: Promise<unknown>): void {
    write.catch(() => {
      // a lost write moves no deadline; the next round writes again, or lets it fall due
    });
  }
}
