import type { KeyObject } from 'node:crypto';
import { errors, jwtVerify } from 'jose';
import type { z } from 'zod';

/** How this service signs. */
export const ALGORITHM = 'HS256';

/** The claims of a JWT that this service has signed itself.
 *  @param type of the header: nothing else that the secret may sign is one
 *  @returns null: it is none, has expired, or has claims that this version does not know */
export async function verifiedClaims<T>(
  signed: string,
  { key, type, schema }: { readonly key: KeyObject; readonly type: string; readonly schema: z.ZodType<T> },
): Promise<T | null> {
  try {
    const { payload } = await jwtVerify(signed, key, { algorithms: [ALGORITHM], typ: type });
    return schema.safeParse(payload).data ?? null;
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}
