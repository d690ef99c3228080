import { idOf, type JobRef } from '@millrace/contracts';

/** What can be wrong with a job's log. `code` tells them apart; the message never holds a prompt or a token. */
export abstract class StreamLogError extends Error {
  abstract readonly code: string;
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** No record has this id: it never had one, or its retention is over. Another tenant's job is not found either. */
export class JobNotFound extends StreamLogError {
  readonly code = 'JOB_NOT_FOUND';
  constructor(readonly jobId: string) {
    super(`no job has the id ${jobId}`);
  }
}

/** The record is there, the log is no longer. */
export class LogExpired extends StreamLogError {
  readonly code = 'LOG_EXPIRED';
  constructor(readonly jobId: string) {
    super(`the log of job ${jobId} has expired`);
  }
}

/** One of several Redis is not connected, so that nobody knows what it has. It comes back. */
export class ShardAway extends StreamLogError {
  readonly code = 'SHARD_AWAY';
  constructor(readonly shard: number) {
    super(`shard ${shard} is not connected`);
  }
}

/** A Redis has been another shard before, or is named twice: ids would lead to the wrong one. */
export class ShardMisplaced extends StreamLogError {
  readonly code = 'SHARD_MISPLACED';

  /** @param misplaced `place`: where it is named, from 0; `noted`: the number that it has; `count`: how many are named; `key`: where
   *    the number is noted */
  constructor({ place, noted, count, key }: { place: number; noted: string; count: number; key: string }) {
    const named = count === 1 ? 'the only Redis that this process knows' : `URL ${place + 1} of REDIS_URLS`;
    super(
      `${named} is shard ${noted}, not ${place}: name each Redis once, in REDIS_URLS, and in the same order for every process. (One that is to be another shard, and has nothing that is needed: delete ${key} there)`,
    );
  }
}

/** The id stands for another request of the same tenant. */
export class IdempotencyMismatch extends StreamLogError {
  readonly code = 'IDEMPOTENCY_MISMATCH';
  constructor(ref: JobRef) {
    super(`the id ${idOf(ref)} stands for another request`);
  }
}

/** Somebody else ended the job: a cancel, or a worker that may not run it again. Abort reason of a writer. */
export class JobClosed extends StreamLogError {
  readonly code = 'JOB_CLOSED';
  constructor(ref: JobRef) {
    super(`job ${idOf(ref)} has been ended`);
  }
}

/** A newer attempt, or the queue, owns the job. Abort reason of a writer. */
export class AttemptFenced extends StreamLogError {
  readonly code = 'ATTEMPT_FENCED';
  constructor(ref: JobRef) {
    super(`another attempt owns job ${idOf(ref)}`);
  }
}

/** The log would grow past its limits; nothing of the last batch was stored. Abort reason of a writer. */
export class LogLimitExceeded extends StreamLogError {
  readonly code = 'LOG_LIMIT_EXCEEDED';
  constructor(ref: JobRef) {
    super(`the log of job ${idOf(ref)} has reached its limit`);
  }
}

/** Redis has lost the record, or events that it had acknowledged (no persistence, or a fail-over). */
export class LogLost extends StreamLogError {
  readonly code = 'LOG_LOST';
  constructor(ref: JobRef) {
    super(`Redis has lost a part of job ${idOf(ref)}`);
  }
}

/** Redis refused a write for a lasting reason: a wrong type of key, a script it cannot run, missing rights.
 *  Abort reason of a writer; `cause` has Redis's message. */
export class LogWriteFailed extends StreamLogError {
  readonly code = 'LOG_WRITE_FAILED';
  constructor(
    ref: JobRef,
    override readonly cause: unknown,
  ) {
    super(`Redis refuses to store events of job ${idOf(ref)}`);
  }
}

/** Redis did not confirm a subscription in time: it is away, or slow. */
export class SubscriptionUnconfirmed extends Error {
  readonly code = 'SUBSCRIPTION_UNCONFIRMED';
  constructor() {
    super('Redis did not confirm a subscription in time');
    this.name = new.target.name;
  }
}

/** Why encrypted content cannot be read. `unavailable`: it cannot be had here and now, for lack of its key or of a newer
 *  version; later, or with other settings, it may. `destroyed`: its tenant was erased. `altered`: it is not what was stored there. */
export type UnreadableReason = 'unavailable' | 'destroyed' | 'altered';

/** Encrypted content cannot be read. @see docs/encryption.md */
export class ContentUnreadable extends StreamLogError {
  readonly code = 'CONTENT_UNREADABLE';
  constructor(
    readonly reason: UnreadableReason,
    message: string,
    override readonly cause?: unknown,
  ) {
    super(message);
  }
}

/** Written by a newer version of Millrace, in a format that this one does not know: it leaves it alone. A node of the newer version
 *  can serve it. @see docs/operations.md, "Upgrading" */
export class NewerFormat extends ContentUnreadable {
  constructor(cause?: unknown) {
    super('unavailable', 'written by a newer version of Millrace, which has to serve it', cause);
  }
}

/** For what goes on without words that were altered, or whose key is destroyed. What is `unavailable` may come back.
 *  @throws the error, if it is another */
export function nullIfLost(error: unknown): null {
  if (error instanceof ContentUnreadable && error.reason !== 'unavailable') return null;
  throw error;
}
