import type { Logger } from '@millrace/runtime';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Metrics } from '../health/metrics.ts';
import { LOGGER } from '../tokens.ts';

/** The shortest time between two lines of the log, milliseconds: guessing keys must not fill the disk. */
const QUIET_MS = 1_000;

/** Counts the requests without a valid key, and logs the wrong keys without revealing them. */
@Injectable()
export class AuthFailures implements OnApplicationShutdown {
  #quiet: NodeJS.Timeout | null = null;
  /** wrong keys since the last line */
  #count = 0;
  #client = '';

  constructor(
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @param client address of the client */
  wrongKey(client: string): void {
    this.metrics.authFailed('wrong');
    this.#count += 1;
    this.#client = client;
    if (this.#quiet === null) this.#logAndWait();
  }

  /** Only counts: a page without its key, or a scanner, guesses nothing. */
  missingKey(): void {
    this.metrics.authFailed('missing');
  }

  onApplicationShutdown(): void {
    if (this.#quiet !== null) clearTimeout(this.#quiet);
    if (this.#count > 0) this.#log();
  }

  #logAndWait(): void {
    this.#log();
    this.#quiet = setTimeout(() => {
      this.#quiet = null;
      if (this.#count > 0) this.#logAndWait();
    }, QUIET_MS);
  }

  #log(): void {
    this.logger.warn({ client: this.#client, count: this.#count }, 'wrong keys');
    this.#count = 0;
  }
}
