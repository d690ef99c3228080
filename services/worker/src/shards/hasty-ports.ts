import type { CancelledBy, JobRef } from '@millrace/contracts';
import { type CancelOutcome, JobCanceller } from '@millrace/stream-log';
import { type Ending, type Entered, type Entry, type Left, Threads } from '@millrace/threads';
import type { ShardPresence } from './shard-presence.ts';

/** Threads of one of several shards. Jobs of other shards are in them, too, which must not wait with their slots until this one is
 *  back: before a job begins, and after it has ended, a shard that does not answer is an error. While it runs, it waits. */
export class HastyThreads extends Threads {
  constructor(
    readonly presence: ShardPresence,
    ...options: ConstructorParameters<typeof Threads>
  ) {
    super(...options);
  }

  /** @throws ShardAway */
  override enter(entry: Entry): Promise<Entered> {
    return this.presence.unlessLost(() => super.enter(entry));
  }

  /** @throws ShardAway */
  override leave(ending: Ending): Promise<Left> {
    return this.presence.unlessLost(() => super.leave(ending));
  }
}

/** Cancels jobs of one of several shards, for jobs of others that put them aside. */
export class HastyCanceller extends JobCanceller {
  constructor(
    readonly presence: ShardPresence,
    ...options: ConstructorParameters<typeof JobCanceller>
  ) {
    super(...options);
  }

  /** @throws ShardAway */
  override cancel(ref: JobRef, by: CancelledBy): Promise<CancelOutcome> {
    return this.presence.unlessLost(() => super.cancel(ref, by));
  }
}
