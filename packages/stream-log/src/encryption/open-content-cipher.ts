import type { MasterKeySetting } from '@millrace/contracts';
import { ContentUnreadable } from '../errors.ts';
import type { KeySpace } from '../redis/keys.ts';
import type { RedisConnection } from '../redis/scripts.ts';
import { ContentCipher } from './content-cipher.ts';
import { KmsModule, keyWrappers } from './master-keys.ts';
import { TenantKeys } from './tenant-keys.ts';

export interface EncryptionOptions {
  /** the first wraps new data keys, unless there is a `kms` */
  readonly masterKeys: readonly MasterKeySetting[];
  /** path of a module that asks a key management service; null: none */
  readonly kms: string | null;
  /** false: only reads what is encrypted */
  readonly seals: boolean;
}

/** Opens what encrypts a deployment's content; without a master key nothing is. Checks that the master keys are those that wrap
 *  what Redis has, unless Redis does not answer: then whatever needs a key that is missing names it.
 *  @throws ContentUnreadable one of them is missing, or is another one than its id says
 *  @throws Error the module of the key management service cannot be used */
export async function openContentCipher(
  { masterKeys, kms, seals }: EncryptionOptions,
  redis: RedisConnection,
  keys: KeySpace,
): Promise<ContentCipher> {
  const module = kms === null ? null : new KmsModule(kms);
  await module?.load();
  const wrappers = keyWrappers(masterKeys, module);
  const tenantKeys = wrappers.size === 0 ? null : new TenantKeys(redis, keys, wrappers);
  try {
    await (tenantKeys?.checkMasterKeys() ?? checkNothingSealed(redis, keys));
  } catch (error) {
    if (error instanceof ContentUnreadable) {
      tenantKeys?.close();
      throw error;
    }
    // Redis is away, which its connection has logged
  }
  return new ContentCipher(tenantKeys, seals);
}

async function checkNothingSealed(redis: RedisConnection, keys: KeySpace): Promise<void> {
  const tenants = await redis.hlen(keys.dataKeys);
  if (tenants === 0) return;
  const message = `Redis holds encrypted content of ${tenants} tenants: set MILLRACE_ENCRYPTION_KEYS or MILLRACE_ENCRYPTION_KMS as before`;
  throw new ContentUnreadable('unavailable', message);
}
