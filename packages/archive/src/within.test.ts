import { describe, expect, it } from '@jest/globals';
import { NewerFormat } from '@millrace/stream-log';
import { ArchiveUnavailable } from './errors.ts';
import { within } from './within.ts';

describe('a question to the archive', () => {
  it('is not waited for beyond its time, whether the store heeds its signal or not', async () => {
    let heard: unknown;
    const deaf = within(10, (signal) => {
      signal.addEventListener('abort', () => {
        heard = signal.reason;
      });
      return new Promise<void>(() => undefined);
    });
    await expect(deaf).rejects.toThrow(ArchiveUnavailable);
    expect(heard).toBeInstanceOf(ArchiveUnavailable);
  });

  it('fails as one that may be repeated, whatever the store throws, unless what it has cannot be read', async () => {
    await expect(within(1_000, () => Promise.reject(new Error('ECONNREFUSED')))).rejects.toMatchObject({
      ...{ code: 'ARCHIVE_UNAVAILABLE', retryAfterSeconds: 5, cause: new Error('ECONNREFUSED') },
    });
    await expect(within(1_000, () => Promise.reject(new NewerFormat()))).rejects.toThrow(NewerFormat);
    expect(await within(1_000, () => Promise.resolve(1))).toBe(1);
  });
});
