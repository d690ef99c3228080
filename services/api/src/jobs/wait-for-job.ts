import { type FollowedJob, isFinished, type Subscribers } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { Readiness } from '../health/readiness.ts';
import { SUBSCRIBERS } from '../tokens.ts';
import { DisconnectLeases, type LeasedJob } from './disconnect-leases.ts';
import type { AcceptedJob } from './intake.ts';

/** A job whose end is waited for. */
export type AwaitedJob = FollowedJob & LeasedJob & Pick<AcceptedJob, 'status' | 'lastEventId'>;

export interface Waiting {
  /** the longest wait, milliseconds; null: as long as the job takes */
  readonly waitMs: number | null;
  /** aborts when the client leaves */
  readonly gone: AbortSignal;
  /** whether nothing but the end of the job is an answer. The wait then goes on while this node drains, until it closes */
  readonly needsEnd: boolean;
  /** whether losing the client may cancel the job: as it may for the client that made it, unless told */
  readonly isCreator?: boolean;
}

/** Waits until a job ends, the time is up, this node stops, or the client leaves. The client counts as a watcher of the
 *  job meanwhile. */
@Injectable()
export class WaitForJob {
  constructor(
    @Inject(SUBSCRIBERS) private readonly subscribers: Subscribers,
    @Inject(DisconnectLeases) private readonly leases: DisconnectLeases,
    @Inject(Readiness) private readonly readiness: Readiness,
  ) {}

  /** @returns whether the job has ended */
  async run(job: AwaitedJob, { waitMs, gone, needsEnd, isCreator = true }: Waiting): Promise<boolean> {
    if (isFinished(job.status)) return true;
    const lease = this.leases.acquire(job, { isCreator });
    let hasEnded = false;
    try {
      const { drainSignal, leaveSignal } = this.readiness;
      const signal = AbortSignal.any([gone, needsEnd ? leaveSignal : drainSignal]);
      hasEnded = await this.#untilEnd(job, waitMs, signal);
    } finally {
      // an answered client was not lost, even if the job goes on
      if (gone.aborted || (needsEnd && !hasEnded)) lease.readerLost();
      else lease.answered();
    }
    return hasEnded;
  }

  async #untilEnd(job: AwaitedJob, waitMs: number | null, signal: AbortSignal): Promise<boolean> {
    const over = Promise.withResolvers<boolean>();
    const stop = () => over.resolve(false);
    // not AbortSignal.timeout, which keeps what it aborts in memory until its time is up
    const timer = waitMs === null ? undefined : setTimeout(stop, waitMs);
    try {
      signal.addEventListener('abort', stop);
      if (signal.aborted) return false;
      const end = (reason: 'terminal' | 'closed' | 'failed') => over.resolve(reason === 'terminal');
      const subscription = await this.subscribers.follow(job, {
        after: job.lastEventId,
        sink: { batch: () => true, end },
      });
      const hasEnded = subscription.alreadyEnded || (!signal.aborted && (await over.promise));
      subscription.close();
      return hasEnded;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  }
}
