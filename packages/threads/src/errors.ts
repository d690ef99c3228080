import type { ThreadRef } from '@millrace/contracts';

/** What can be wrong with a thread. `code` tells them apart; they are codes of PROTOCOL.md §7. */
export abstract class ThreadError extends Error {
  abstract readonly code: 'THREAD_BUSY' | 'INVALID_REQUEST';
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** A fork is making a thread of this id: it is there in a moment, and cannot be used before. */
export class ThreadBeingMade extends ThreadError {
  readonly code = 'THREAD_BUSY';
  constructor(readonly ref: ThreadRef) {
    super('a fork is making a thread of this id: send the request again in a moment');
  }
}

/** Merged with what the thread has, the metadata would have too many keys. Nothing was changed. */
export class TooMuchMetadata extends ThreadError {
  readonly code = 'INVALID_REQUEST';
  constructor(readonly maxKeys: number) {
    super(`the metadata of a thread may have ${maxKeys} keys, with those that it has already`);
  }
}
