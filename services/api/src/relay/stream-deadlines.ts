import { MAX_TIMER_MS } from '@millrace/contracts';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';

export interface ExpiringStream {
  /** Ends the stream without a terminal event. Its reader may come back with another credential. */
  expire(): void;
}

/** Ends streams when the credentials that opened them expire. One timer serves all of them. */
@Injectable()
export class StreamDeadlines implements OnApplicationShutdown {
  /** when each stream expires, ms since the epoch */
  readonly #deadlines = new Map<ExpiringStream, number>();
  #timer: NodeJS.Timeout | null = null;
  /** when the timer fires, ms since the epoch */
  #firesAt = Number.POSITIVE_INFINITY;

  /** @param expiresAt ms since the epoch */
  add(stream: ExpiringStream, expiresAt: number): void {
    this.#deadlines.set(stream, expiresAt);
    if (expiresAt < this.#firesAt) this.#arm(expiresAt);
  }

  /** @param stream may have no deadline */
  remove(stream: ExpiringStream): void {
    if (this.#deadlines.delete(stream) && this.#deadlines.size === 0) this.#disarm();
  }

  onApplicationShutdown(): void {
    this.#disarm();
  }

  #expireDue(): void {
    this.#disarm();
    const now = Date.now();
    const due = [...this.#deadlines].filter(([, expiresAt]) => expiresAt <= now);
    for (const [stream] of due) this.#deadlines.delete(stream);
    for (const [stream] of due) stream.expire();
    if (this.#deadlines.size > 0) this.#arm(this.#earliest());
  }

  #earliest(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const expiresAt of this.#deadlines.values()) earliest = Math.min(earliest, expiresAt);
    return earliest;
  }

  #arm(at: number): void {
    this.#disarm();
    this.#firesAt = at;
    // it may fire too early, for a distant deadline by far: `#expireDue` then arms it again
    this.#timer = setTimeout(() => this.#expireDue(), Math.min(Math.max(at - Date.now(), 0), MAX_TIMER_MS));
  }

  #disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#firesAt = Number.POSITIVE_INFINITY;
  }
}
