import type { JobRef } from '@millrace/contracts';
import type { AbandonedJobs } from '@millrace/stream-log';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import type { ApiSettings } from '../settings.ts';
import type { Cancellation } from './steps/cancellation.ts';

/** The most jobs that one round cancels. */
const MAX_CANCELS = 100;

/** How long after Redis all nodes are back (law 12), milliseconds. */
const SETTLE_MS = 5_000;

/** The share of one reader in keeping a job alive. Only the first call counts. */
export interface DisconnectLease {
  /** the connection is gone */
  readerLost(): void;
  /** the reader got its answer, so it is not lost, even if the job goes on */
  answered(): void;
  /** the job has ended and needs no reader any more */
  jobEnded(): void;
}

export const NO_LEASE: DisconnectLease = { readerLost() {}, answered() {}, jobEnded() {} };

export interface LeasedJob {
  readonly ref: JobRef;
  readonly onDisconnect: 'continue' | 'cancel';
}

/** The readers of one job in this process. */
interface Readers {
  /** open connections */
  count: number;
  /** connections that created the job and have no answer yet, including lost ones */
  creators: number;
}

/** Cancels jobs with `onDisconnect: "cancel"` that nobody has watched for the grace time.
 *
 *  Readers may be on any node, and a node may die, so Redis alone decides (law 1): a sorted set holds a deadline for each
 *  such job. A node with a reader of the job moves the deadline forward, three times in the grace time. When its last
 *  reader leaves, it sets the deadline to now + grace. Any node cancels overdue jobs. A dead node moves no deadline, so
 *  its jobs are overdue within twice the grace time. Only the connection that created a job makes a deadline; other
 *  readers move an existing one, because without one the creator was never lost.
 *
 *  After an outage of Redis all deadlines are overdue although the readers are still connected. A node that saw the outage
 *  cancels nothing until the others have had time to reconnect and renew. */
export class DisconnectLeases implements OnApplicationBootstrap, OnApplicationShutdown {
  /** readers in this process, by job */
  readonly #readers = new Map<JobRef, Readers>();
  /** jobs whose last reader left while Redis was down */
  readonly #unwritten = new Set<JobRef>();
  readonly #graceMs: number;
  /** Redis's clock minus ours, milliseconds: all nodes use one clock for deadlines */
  #clockOffsetMs = 0;
  /** when this node may begin to cancel, ms of performance.now(); null: the last round failed */
  #settledAt: number | null = 0;
  #timer: NodeJS.Timeout | null = null;
  #round: Promise<void> | null = null;

  constructor(
    settings: ApiSettings,
    private readonly abandoned: AbandonedJobs,
    private readonly cancellation: Cancellation,
  ) {
    this.#graceMs = settings.MILLRACE_DISCONNECT_GRACE_MS;
  }

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => {
      // while a round waits for Redis, no others may pile up behind it
      this.#round ??= this.#renewAndCancel().finally(() => {
        this.#round = null;
      });
    }, this.#graceMs / 3);
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#round;
  }

  /** Counts a reader of a job. Costs nothing if the job goes on without readers. */
  acquire(job: LeasedJob, { isCreator }: { readonly isCreator: boolean }): DisconnectLease {
    if (job.onDisconnect !== 'cancel') return NO_LEASE;
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
      readerLost: leaving(() => this.#left(ref, readers)),
      answered: leaving(() => {
        if (isCreator) readers.creators -= 1;
        // another creating connection in this process keeps the deadline; one on another node renews it
        if (readers.creators === 0) this.#dropDeadline(ref);
        else this.#left(ref, readers);
      }),
      jobEnded: leaving(() => {
        readers.creators = 0;
        this.#dropDeadline(ref);
      }),
    };
  }

  /** Sets the last deadline of a job, unless it has other readers, here or on another node. */
  #left(ref: JobRef, { count, creators }: Readers): void {
    if (count > 0) return;
    if (creators === 0) this.#attempt(this.abandoned.setExisting(ref, this.#deadline(1)));
    else this.abandoned.set(ref, this.#deadline(1)).catch(() => this.#unwritten.add(ref));
  }

  #dropDeadline(ref: JobRef): void {
    this.#unwritten.delete(ref);
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
      this.#settledAt = null; // Redis is down, which the connection has logged
    }
  }

  async #readClock(): Promise<void> {
    this.#clockOffsetMs = (await this.abandoned.nowMs()) - Date.now();
  }

  async #renew(): Promise<void> {
    for (const ref of [...this.#unwritten]) {
      await this.abandoned.set(ref, this.#deadline(1));
      this.#unwritten.delete(ref);
    }
    const refs = (isCreated: boolean) =>
      [...this.#readers].filter(([, { creators }]) => creators > 0 === isCreated).map(([ref]) => ref);
    for (const create of [true, false]) await this.abandoned.extend(refs(create), this.#deadline(2), { create });
  }

  async #cancelOverdue(): Promise<void> {
    for (const ref of await this.abandoned.overdue(this.#deadline(0), MAX_CANCELS)) {
      // a reader may have returned while this round cancelled others
      if (!(await this.abandoned.claim(ref, this.#deadline(0), this.#deadline(2)))) continue;
      await this.cancellation.cancel(ref, 'disconnect');
      await this.abandoned.remove(ref);
    }
  }

  #attempt(write: Promise<unknown>): void {
    write.catch(() => {
      // the next round writes again, or the job becomes overdue
    });
  }
}
