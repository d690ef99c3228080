import { type FollowedJob, isFinished, type Subscribers } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { Readiness } from '../health/readiness.ts';
import { SUBSCRIBERS } from '../tokens.ts';
import { DisconnectLeases } from './disconnect-leases.ts';
import type { AcceptedJob } from './intake.ts';

export interface Waiting {
  /** the longest wait, milliseconds */
  readonly waitMs: number;
  /** aborts when the client leaves */
  readonly gone: AbortSignal;
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

  async run(job: AcceptedJob, { waitMs, gone }: Waiting): Promise<void> {
    if (isFinished(job.status)) return;
    const lease = this.leases.acquire(job, { isCreator: true });
    try {
      await this.#untilEnd(job, waitMs, AbortSignal.any([gone, this.readiness.drainSignal]));
    } finally {
      // an answered client was not lost, even if the job goes on
      if (gone.aborted) lease.readerLost();
      else lease.answered();
    }
  }

  async #untilEnd(job: FollowedJob, waitMs: number, signal: AbortSignal): Promise<void> {
    const over = Promise.withResolvers<void>();
    const stop = () => over.resolve();
    // not AbortSignal.timeout, which keeps what it aborts in memory until its time is up
    const timer = setTimeout(stop, waitMs);
    try {
      signal.addEventListener('abort', stop);
      if (signal.aborted) return;
      const sink = { batch: () => true, end: stop };
      const subscription = await this.subscribers.follow(job, { after: job.lastEventId, sink });
      if (!subscription.alreadyEnded && !signal.aborted) await over.promise;
      subscription.close();
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  }
}
