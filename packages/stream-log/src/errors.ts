import { idOf, type JobRef } from '@millrace/contracts';

/** What can be wrong with a job's log. `code` tells them apart; the message never holds a prompt or a token. */
export abstract class StreamLogError extends Error {
  abstract readonly code: string;
  constructor(
    readonly ref: JobRef,
    message: string,
  ) {
    super(message);
    this.name = new.target.name;
  }
}

/** There is no record of this id: it never was, or its retention is over. */
export class JobNotFound extends StreamLogError {
  readonly code = 'JOB_NOT_FOUND';
  constructor(ref: JobRef) {
    super(ref, `no job has the id ${idOf(ref)}`);
  }
}

/** The record is there, the log is not any more. */
export class LogExpired extends StreamLogError {
  readonly code = 'LOG_EXPIRED';
  constructor(ref: JobRef) {
    super(ref, `the log of job ${idOf(ref)} has expired`);
  }
}

/** Another body of the same tenant holds the id. */
export class IdempotencyMismatch extends StreamLogError {
  readonly code = 'IDEMPOTENCY_MISMATCH';
  constructor(ref: JobRef) {
    super(ref, `the id ${idOf(ref)} stands for another request`);
  }
}

/** Somebody else ended the job: a cancel, or a runner that gave it up. Abort reason of a writer. */
export class JobClosed extends StreamLogError {
  readonly code = 'JOB_CLOSED';
  constructor(ref: JobRef) {
    super(ref, `job ${idOf(ref)} has been ended`);
  }
}

/** A newer attempt, or the queue, owns the job. Abort reason of a writer. */
export class AttemptFenced extends StreamLogError {
  readonly code = 'ATTEMPT_FENCED';
  constructor(ref: JobRef) {
    super(ref, `another attempt owns job ${idOf(ref)}`);
  }
}

/** The log would grow past its limits; nothing of the last batch was stored. Abort reason of a writer. */
export class LogLimitExceeded extends StreamLogError {
  readonly code = 'LOG_LIMIT_EXCEEDED';
  constructor(ref: JobRef) {
    super(ref, `the log of job ${idOf(ref)} has reached its limit`);
  }
}

/** Redis has lost the record, or events that it had acknowledged (no persistence, or a fail-over). */
export class LogLost extends StreamLogError {
  readonly code = 'LOG_LOST';
  constructor(ref: JobRef) {
    super(ref, `Redis has lost a part of job ${idOf(ref)}`);
  }
}

/** Redis refused a write in a way that will not pass: a wrong type of key, a script it cannot run, missing rights.
 *  Abort reason of a writer; `cause` has Redis's words. */
export class LogWriteFailed extends StreamLogError {
  readonly code = 'LOG_WRITE_FAILED';
  constructor(
    ref: JobRef,
    override readonly cause: unknown,
  ) {
    super(ref, `Redis refuses to store events of job ${idOf(ref)}`);
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
