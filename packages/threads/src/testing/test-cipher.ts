import { randomBytes } from 'node:crypto';
import { ContentCipher, KeySpace, MasterKey, PLAIN, type RedisConnection, TenantKeys } from '@millrace/stream-log';

/** Runs the tests of a harness with everything encrypted. */
const ENCRYPTS = process.env['MILLRACE_TEST_ENCRYPTION'] === 'on';

const master = new MasterKey('test', randomBytes(32).toString('base64'));

/** @param seals false: only reads what is encrypted
 *  @returns what encrypts everything, with a master key of this process */
export function newCipher(redis: RedisConnection, prefix: string, seals = true): ContentCipher {
  return new ContentCipher(new TenantKeys(redis, new KeySpace(prefix), new Map([[master.id, master]])), seals);
}

/** What a harness uses where a test says nothing of encryption. */
export function usualCipher(redis: RedisConnection, prefix: string): ContentCipher {
  return ENCRYPTS ? newCipher(redis, prefix) : PLAIN;
}
