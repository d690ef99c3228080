import type { Logger } from '@millrace/runtime';
import type { ContentCipher } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { CONTENT_CIPHER, LOGGER } from '../../tokens.ts';

/** How often to look through the data keys where there is no other master key to move them from, milliseconds. */
const LOOK_MS = 60_000;

/** Moves the data keys of tenants to the master key that comes first in the settings. @see docs/encryption.md */
@Injectable()
export class MasterKeyRotation {
  /** what was logged of master keys: not again as long as it is so */
  #unused: readonly string[] = [];
  #missing: readonly string[] = [];
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(
    @Inject(CONTENT_CIPHER) private readonly cipher: ContentCipher,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** One pass, or with one master key alone one each minute, which finds out whether another is missing. Says once of each other master key that it wraps nothing any more, which is when it may leave the settings. */
  async run(signal: AbortSignal): Promise<void> {
    if (!this.cipher.hasOldKeys && performance.now() - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = performance.now();
    const report = await this.cipher.rewrapAll(signal);
    if (report === null) return;
    const { rewrapped, current, unused, missing } = report;
    const malformed = report.malformed.length;
    if (rewrapped > 0) this.logger.info({ tenants: rewrapped }, 'data keys wrapped anew');
    if (malformed > 0) this.logger.error({ tenants: malformed }, 'data keys are malformed, and were left as they are');
    const lost = missing.filter((id) => !this.#missing.includes(id));
    if (lost.length > 0) this.logger.error({ masterKeys: lost }, 'master keys are missing that wrap data keys');
    const free = unused.filter((id) => !this.#unused.includes(id));
    if (free.length > 0) this.logger.info({ masterKeys: free, inUse: current }, 'master keys wrap no data key');
    this.#missing = missing;
    this.#unused = unused;
  }
}
