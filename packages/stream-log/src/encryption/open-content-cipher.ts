import type { KeySpace } from '../redis/keys.ts';
import type { RedisConnection } from '../redis/scripts.ts';
import { ContentCipher, PLAIN } from './content-cipher.ts';
import { KmsModule, keyWrappers, type MasterKeySetting } from './master-keys.ts';
import { TenantKeys } from './tenant-keys.ts';

export interface EncryptionOptions {
  /** the first wraps new data keys, unless there is a `kms` */
  readonly masterKeys: readonly MasterKeySetting[];
  /** path of a module that asks a key management service; null: none */
  readonly kms: string | null;
  /** false: only reads what is encrypted */
  readonly seals: boolean;
}

/** Opens what encrypts a deployment's content; without a master key nothing is.
 *  @throws Error the module of the key management service cannot be used */
export async function openContentCipher(
  { masterKeys, kms, seals }: EncryptionOptions,
  redis: RedisConnection,
  keys: KeySpace,
): Promise<ContentCipher> {
  const module = kms === null ? null : new KmsModule(kms);
  await module?.load();
  const wrappers = keyWrappers(masterKeys, module);
  return wrappers.size === 0 ? PLAIN : new ContentCipher(new TenantKeys(redis, keys, wrappers), seals);
}
