import type { DisconnectLease } from '../jobs/disconnect-leases.ts';

/** The share of a reader of a thread in keeping jobs alive: in the job that it is being given, one after the other. */
export class ThreadLease implements DisconnectLease {
  #job: DisconnectLease | null = null;

  /** Shares in the next job from now on, and no longer in the one before. */
  hold(lease: DisconnectLease): void {
    this.readerLost();
    this.#job = lease;
  }

  readerLost(): void {
    this.#job?.readerLost();
    this.#job = null;
  }

  answered(): void {
    this.#job?.answered();
    this.#job = null;
  }

  jobEnded(): void {
    this.#job?.jobEnded();
    this.#job = null;
  }
}
