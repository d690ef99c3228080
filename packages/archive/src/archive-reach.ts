import { ArchiveUnavailable, StoreSilent, StoreUnreachable } from './errors.ts';
import type { JobArchive } from './job-archive.ts';
import { within } from './within.ts';

/** How long a read of the archive may take, milliseconds: less than a client waits. */
const READ_MS = 10_000;

/** How long a look may take, and how long after one the next may begin, milliseconds. */
const LOOK_MS = 1_000;
const AWAY_MS = 1_000;

/** When to ask again, seconds. */
const AWAY_SECONDS = 5;

/** What a look asks for. */
const NOBODYS_ID = 'an-id-that-nobody-has';

/** Why a read is refused. */
const AWAY = new Error('the archive is away');

/** Asks the archive, and knows whether it is away: while it is, nobody waits for it.
 *
 *  It is away where it cannot be reached, or answers nothing. A read that is refused or slow says nothing of others: after a slow one, a
 *  look, a question that is quick to answer, decides. */
export class ArchiveReach {
  #isAway = false;
  /** the last look, or failure that needed none, ms of performance.now() */
  #lookedAt = Number.NEGATIVE_INFINITY;
  #look: Promise<void> | null = null;

  constructor(private readonly archive: Pick<JobArchive, 'holders'>) {}

  /** @throws ArchiveUnavailable it is away */
  async requireThere(): Promise<void> {
    if (this.#isAway && performance.now() - this.#lookedAt >= AWAY_MS) this.#lookAgain();
    await this.#look;
    if (this.#isAway) throw new ArchiveUnavailable('the archive did not answer just now', AWAY_SECONDS, AWAY);
  }

  /** @throws ArchiveUnavailable it did not answer, or threw
   *  @throws ContentUnreadable */
  async ask<T>(ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      const answer = await within(READ_MS, (signal) => twice(ask, signal));
      this.#isAway = false;
      return answer;
    } catch (error) {
      if (isFrom(error, StoreSilent)) this.#lookAgain();
      else if (isFrom(error, StoreUnreachable)) this.#note(true);
      throw error;
    }
  }

  #lookAgain(): void {
    this.#look ??= within(LOOK_MS, (signal) => twice((each) => this.archive.holders(NOBODYS_ID, each), signal))
      .then(
        () => this.#note(false),
        (error: unknown) => this.#note(isFrom(error, StoreSilent) || isFrom(error, StoreUnreachable)),
      )
      .finally(() => {
        this.#look = null;
      });
  }

  #note(isAway: boolean): void {
    this.#isAway = isAway;
    this.#lookedAt = performance.now();
  }
}

/** A connection may have been dropped on the way while it lay idle: the next one tells whether the store is there. */
async function twice<T>(ask: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await ask(signal);
  } catch (error) {
    if (!(error instanceof StoreUnreachable) || signal.aborted) throw error;
    return ask(signal);
  }
}

function isFrom(error: unknown, reason: typeof StoreSilent | typeof StoreUnreachable): boolean {
  return error instanceof ArchiveUnavailable && error.cause instanceof reason;
}
