import { MAX_TIMER_MS } from '@millrace/contracts';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Credential } from '../auth/caller.ts';
import type { Revocations } from '../auth/revocations.ts';
import { REVOCATIONS } from '../tokens.ts';

export interface ExpiringStream {
  /** Ends the stream without a terminal event. Its reader may come back with another credential. */
  expire(): void;
}

/** Ends streams when the credentials that opened them expire or are revoked. One timer serves all of them. */
@Injectable()
export class StreamDeadlines implements OnApplicationShutdown {
  readonly #credentials = new Map<ExpiringStream, Credential>();
  #timer: NodeJS.Timeout | null = null;
  /** when the timer fires, ms since the epoch */
  #firesAt = Number.POSITIVE_INFINITY;

  constructor(@Inject(REVOCATIONS) private readonly revocations: Revocations) {
    revocations.onRevoked((ids) => this.#expireWhere(({ id }) => id !== null && ids.has(id)));
  }

  add(stream: ExpiringStream, credential: Credential): void {
    const { id, expiresAt } = credential;
    if (id === null && expiresAt === null) return;
    // it was revoked while the stream was being opened
    if (id !== null && this.revocations.hasEnded(id)) {
      stream.expire();
      return;
    }
    this.#credentials.set(stream, credential);
    if (expiresAt !== null && expiresAt < this.#firesAt) this.#arm(expiresAt);
  }

  /** @param stream may have no deadline */
  remove(stream: ExpiringStream): void {
    if (this.#credentials.delete(stream) && this.#credentials.size === 0) this.#disarm();
  }

  onApplicationShutdown(): void {
    this.#disarm();
  }

  #expireDue(): void {
    this.#disarm();
    const now = Date.now();
    this.#expireWhere(({ expiresAt }) => expiresAt !== null && expiresAt <= now);
    const earliest = this.#earliest();
    if (earliest < Number.POSITIVE_INFINITY) this.#arm(earliest);
  }

  #expireWhere(isOver: (credential: Credential) => boolean): void {
    const over = [...this.#credentials].filter(([, credential]) => isOver(credential));
    for (const [stream] of over) this.#credentials.delete(stream);
    for (const [stream] of over) stream.expire();
  }

  #earliest(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const { expiresAt } of this.#credentials.values()) {
      earliest = Math.min(earliest, expiresAt ?? Number.POSITIVE_INFINITY);
    }
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
