import type { JobRef } from '@millrace/contracts';
import { Injectable } from '@nestjs/common';

/** Beyond this many, askers are not noted: those who still wait will ask again. */
const MAX_NOTED = 10_000;

/** Unfinished jobs that callers of this node have asked for without following them. They wait for an answer, so a sweep
 *  looks after these jobs even if the index has lost them (law 15). */
@Injectable()
export class AskedFor {
  /** when each was first asked for, ms of performance.now() */
  readonly #since = new Map<JobRef, number>();

  note(ref: JobRef): void {
    if (this.#since.has(ref) || this.#since.size >= MAX_NOTED) return;
    this.#since.set(ref, performance.now());
  }

  /** Takes out those that were noted long enough ago.
   *  @param olderThanMs milliseconds
   *  @returns the jobs */
  take(olderThanMs: number): JobRef[] {
    const latest = performance.now() - olderThanMs;
    const due = [...this.#since].filter(([, since]) => since <= latest).map(([ref]) => ref);
    for (const ref of due) this.#since.delete(ref);
    return due;
  }
}
