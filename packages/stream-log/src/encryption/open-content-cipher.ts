import { setTimeout } from 'node:timers/promises';
import type { MasterKeySetting } from '@millrace/contracts';
import { ContentUnreadable } from '../errors.ts';
import type { KeySpace } from '../redis/keys.ts';
import type { RedisConnection } from '../redis/scripts.ts';
import { ContentCipher } from './content-cipher.ts';
import { KmsModule, keyWrappers } from './master-keys.ts';
import { TenantKeys } from './tenant-keys.ts';

export interface EncryptionOptions {
  /** the first wraps new data keys; a `kms` that they do not name comes before them */
  readonly masterKeys: readonly MasterKeySetting[];
  /** path of a module that asks a key management service; null: none */
  readonly kms: string | null;
  /** false: only reads what is encrypted */
  readonly seals: boolean;
}

/** Is told of data keys that are malformed, and of what is found wrong when Redis comes back. */
export interface ErrorLog {
  error(fields: object, message: string): void;
}

/** How long to wait before the master keys are checked again, milliseconds. */
const CHECK_AGAIN_MS = 1_000;

/** How long other shards wait for the one that has the data keys, milliseconds. */
const HOME_PATIENCE_MS = 2_000;

export interface HomeOptions {
  /** whether the data keys' Redis answers, where there are other shards, which go on without it; left out: there are none */
  readonly isThere?: () => boolean;
}

/** Opens what encrypts a deployment's content; without a master key nothing is. Checks that the master keys are those that wrap
 *  what Redis has. If Redis does not answer, the check is repeated until they are: before, nothing is encrypted or decrypted. Where
 *  there are other shards, these do not wait for it, and without a master key nothing is refused meanwhile.
 *  @throws ContentUnreadable one of them is missing, or is another one than its id says
 *  @throws Error the module of the key management service cannot be used */
export async function openContentCipher(
  { masterKeys, kms, seals }: EncryptionOptions,
  redis: RedisConnection,
  keys: KeySpace,
  log: ErrorLog,
  { isThere }: HomeOptions = {},
): Promise<ContentCipher> {
  const module = kms === null ? null : new KmsModule(kms);
  await module?.load();
  const wrappers = keyWrappers(masterKeys, module);
  const tenantKeys = wrappers.size === 0 ? null : new TenantKeys(redis, keys, wrappers, isThere);
  const check = async () => {
    const malformed = await (tenantKeys?.checkMasterKeys() ?? checkNothingSealed(redis, keys));
    if (malformed.length > 0) log.error({ tenants: malformed.length }, 'data keys are malformed');
  };
  const cipher = new ContentCipher(tenantKeys, seals);
  try {
    await (isThere === undefined ? check() : withPatience(check()));
  } catch (error) {
    if (error instanceof ContentUnreadable) {
      cipher.close();
      throw error;
    }
    // Redis is away, which its connection has logged
    if (isThere === undefined || tenantKeys !== null) cipher.refuseUntil(repeated(check, log));
    else cipher.checkLater(repeated(check, log));
  }
  return cipher;
}

/** @throws Error it takes too long */
async function withPatience(checked: Promise<void>): Promise<void> {
  const timer = new AbortController();
  const late = setTimeout(HOME_PATIENCE_MS, undefined, { signal: timer.signal }).then(() => {
    throw new Error('home does not answer');
  });
  try {
    await Promise.race([checked, late]);
  } finally {
    timer.abort();
    // whichever came second
    for (const other of [checked, late]) other.catch(() => undefined);
  }
}

function repeated(check: () => Promise<void>, log: ErrorLog) {
  let reported = '';
  return async (signal: AbortSignal, foundWrong: () => void): Promise<void> => {
    for (;;) {
      await setTimeout(CHECK_AGAIN_MS, undefined, { signal });
      try {
        return await check();
      } catch (error) {
        if (!(error instanceof ContentUnreadable)) continue;
        foundWrong();
        if (error.message === reported) continue;
        reported = error.message;
        log.error({ err: error }, 'the master keys are not those of what Redis holds');
      }
    }
  };
}

async function checkNothingSealed(redis: RedisConnection, keys: KeySpace): Promise<string[]> {
  const tenants = await redis.hlen(keys.dataKeys);
  if (tenants === 0) return [];
  const message = `Redis holds encrypted content of ${tenants} tenants: set MILLRACE_ENCRYPTION_KEYS or MILLRACE_ENCRYPTION_KMS as before`;
  throw new ContentUnreadable('unavailable', message);
}
