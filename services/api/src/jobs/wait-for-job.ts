import { LOG_START } from '@millrace/contracts';
import type { Followers } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { FOLLOWERS } from '../tokens.ts';

/** Waits for the end of a job, wherever it runs. */
@Injectable()
export class WaitForJob {
  constructor(@Inject(FOLLOWERS) private readonly followers: Followers) {}

  /** @param signal stops the waiting, which is no failure */
  async run(id: string, signal: AbortSignal): Promise<void> {
    const over = Promise.withResolvers<void>();
    const stop = () => over.resolve();
    signal.addEventListener('abort', stop);
    const sink = { batch: () => true, end: stop };
    const following = await this.followers.follow(id, { after: LOG_START, sink });
    try {
      if (!following.alreadyEnded && !signal.aborted) await over.promise;
    } finally {
      following.close();
      signal.removeEventListener('abort', stop);
    }
  }
}
