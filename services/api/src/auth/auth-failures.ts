import type { Logger } from '@millrace/runtime';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Metrics } from '../health/metrics.ts';
import { LOGGER } from '../tokens.ts';

/** Who guesses keys must not fill the disk: a line for the first wrong one, then one for all of a time, milliseconds. */
const QUIET_MS = 1_000;

/** Callers who were turned away: all are counted, wrong keys are logged, without a word of them. */
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

  /** @param client its address */
  wrongKey(client: string): void {
    this.metrics.authFailed('wrong');
    this.#count += 1;
    this.#client = client;
    if (this.#quiet === null) this.#say();
  }

  /** Nobody guessed: a page that was not told its key, a scanner. */
  noKey(): void {
    this.metrics.authFailed('missing');
  }

  onApplicationShutdown(): void {
    if (this.#quiet !== null) clearTimeout(this.#quiet);
    if (this.#count > 0) this.#log();
  }

  #say(): void {
    this.#log();
    this.#quiet = setTimeout(() => {
      this.#quiet = null;
      if (this.#count > 0) this.#say();
    }, QUIET_MS);
  }

  #log(): void {
    this.logger.warn({ client: this.#client, count: this.#count }, 'wrong keys');
    this.#count = 0;
  }
}
