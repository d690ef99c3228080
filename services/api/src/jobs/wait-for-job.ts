import { type JobRef, LOG_START } from '@millrace/contracts';
import { type Followers, isFinished } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { Readiness } from '../health/readiness.ts';
import { FOLLOWERS } from '../tokens.ts';
import { WatchLeases } from './disconnect-leases.ts';
import type { TakenJob } from './intake.ts';

export interface Waiting {
  /** the longest wait, milliseconds */
  readonly waitMs: number;
  /** aborted when the client is gone */
  readonly gone: AbortSignal;
}

/** Holds a request until its job has ended, the time is up, this node is to stop, or the client is gone.
 *  The waiting client counts as a watcher of the job. */
@Injectable()
export class WaitForJob {
  constructor(
    @Inject(FOLLOWERS) private readonly followers: Followers,
    @Inject(WatchLeases) private readonly leases: WatchLeases,
    @Inject(Readiness) private readonly readiness: Readiness,
  ) {}

  async run(job: TakenJob, { waitMs, gone }: Waiting): Promise<void> {
    if (isFinished(job.status)) return;
    const watch = this.leases.watch(job, { isCreator: true });
    try {
      await this.#untilEnd(job.ref, waitMs, AbortSignal.any([gone, this.readiness.drainSignal]));
    } finally {
      // an answer that is given was not lost, even if it says that the job goes on
      if (gone.aborted) watch.end();
      else watch.answered();
    }
  }

  async #untilEnd(ref: JobRef, waitMs: number, signal: AbortSignal): Promise<void> {
    const over = Promise.withResolvers<void>();
    const stop = () => over.resolve();
    // not AbortSignal.timeout: it would keep what it aborts in memory for the whole time, whoever has left
    const timer = setTimeout(stop, waitMs);
    try {
      signal.addEventListener('abort', stop);
      if (signal.aborted) return;
      const sink = { batch: () => true, end: stop };
      const following = await this.followers.follow(ref, { after: LOG_START, sink });
      if (!following.alreadyEnded && !signal.aborted) await over.promise;
      following.close();
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  }
}
