import type { ThreadRef } from '@millrace/contracts';

/** A thread's checkpoints would take more bytes than one thread may keep. Nothing was stored. */
export class CheckpointsTooLarge extends Error {
  readonly code = 'CHECKPOINTS_TOO_LARGE';
  constructor(ref: ThreadRef, maxBytes: number) {
    super(`the checkpoints of thread ${ref.slice(ref.lastIndexOf('.') + 1)} would take more than ${maxBytes} bytes`);
    this.name = new.target.name;
  }
}

/** The thread was asked for something of another thread, or of none. */
export class WrongThread extends Error {
  readonly code = 'WRONG_THREAD';
  constructor() {
    super('the checkpointer of a job reads and writes the thread of its job alone: leave "thread_id" as it was given');
    this.name = new.target.name;
  }
}

/** A tenant's store would take more bytes than it may. Nothing was stored. */
export class StoreFull extends Error {
  readonly code = 'STORE_FULL';
  constructor(tenant: string, maxBytes: number) {
    super(`the store of tenant ${tenant} would take more than ${maxBytes} bytes: delete items first`);
    this.name = new.target.name;
  }
}

/** Redis has a checkpoint but lacks a part of it: it has lost acknowledged writes. */
export class CheckpointLost extends Error {
  readonly code = 'CHECKPOINT_LOST';
  constructor(channel: string) {
    super(`Redis has lost a part of channel ${channel}`);
    this.name = new.target.name;
  }
}

/** Redis does not say now whether a thread is still an attempt's. */
export class ClaimUnknown extends Error {
  readonly code = 'CLAIM_UNKNOWN';
  constructor(cause: unknown) {
    super('Redis does not say which attempt has the thread', { cause });
    this.name = new.target.name;
  }
}
