import { type ThreadRef, tenantOf } from '@millrace/contracts';
import type { ContentCipher, PlaceCipher } from '@millrace/stream-log';

/** What a thread holds, as it is told to the cipher: content that is sealed as one of these opens as no other. */
export const METADATA = 'metadata';
export const QUESTIONS = 'questions';
export const MESSAGE = 'message';

/** @returns what encrypts the content of one thread: the copy that a fork makes has another */
export function cipherOf(cipher: ContentCipher, ref: ThreadRef): PlaceCipher {
  const tenant = tenantOf(ref);
  return cipher.at(tenant, `thread ${ref.slice(tenant.length + 1)}`);
}
