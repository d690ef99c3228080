import type { Logger } from '@millrace/runtime';
import type { ContentCipher } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { CONTENT_CIPHER, LOGGER } from '../../tokens.ts';

/** Moves the data keys of tenants to the master key that comes first in the settings. @see docs/encryption.md */
@Injectable()
export class MasterKeyRotation {
  #unused = '';
  #missing = '';

  constructor(
    @Inject(CONTENT_CIPHER) private readonly cipher: ContentCipher,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** One pass. Says when another master key wraps nothing any more, which is when it may leave the settings. */
  async run(): Promise<void> {
    if (!this.cipher.hasOldKeys) return;
    const report = await this.cipher.rewrapAll();
    if (report === null) return;
    const { rewrapped, unused, missing } = report;
    if (rewrapped > 0) this.logger.info({ tenants: rewrapped }, 'data keys wrapped anew');
    if (missing.length > 0 && this.#missing !== missing.join()) {
      this.logger.error({ masterKeys: missing }, 'master keys are missing that wrap data keys');
    }
    if (unused.length > 0 && this.#unused !== unused.join()) {
      this.logger.info({ masterKeys: unused }, 'master keys wrap no data key');
    }
    this.#missing = missing.join();
    this.#unused = unused.join();
  }
}
