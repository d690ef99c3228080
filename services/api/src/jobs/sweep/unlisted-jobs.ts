import type { JobRef } from '@millrace/contracts';

/** The most jobs that are noted. Clients of the others ask again. */
const MAX_NOTED = 10_000;

/** Unfinished jobs that callers of this node asked for without following them. The index may have lost them, so the sweep
 *  checks them as well (law 15). */
export class UnlistedJobs {
  /** when each job was first asked for, ms of performance.now() */
  readonly #since = new Map<JobRef, number>();

  note(ref: JobRef): void {
    if (this.#since.has(ref) || this.#since.size >= MAX_NOTED) return;
    this.#since.set(ref, performance.now());
  }

  /** Removes and returns the jobs that were first asked for at least so long ago.
   *  @param olderThanMs milliseconds */
  removeOlderThan(olderThanMs: number): JobRef[] {
    const latest = performance.now() - olderThanMs;
    const due = [...this.#since].filter(([, since]) => since <= latest).map(([ref]) => ref);
    for (const ref of due) this.#since.delete(ref);
    return due;
  }
}
