import { createHash, timingSafeEqual } from 'node:crypto';

type Role = 'user' | 'admin';

/** One key that a caller may show. The secret itself is not kept. */
export interface ApiKey {
  readonly tenant: string;
  readonly role: Role;
  /** sha256 of the secret, base64 */
  readonly digest: string;
}

export type ParsedApiKeys =
  | { readonly ok: true; readonly keys: readonly ApiKey[] }
  | { readonly ok: false; readonly problem: string };

const TENANT = /^[A-Za-z0-9_-]{1,64}$/;

/** Reads `tenant:role:secret,…`. A problem names the entry by its number, never by its text: that holds a secret. */
export function parseApiKeys(text: string): ParsedApiKeys {
  const keys: ApiKey[] = [];
  const entries = text.split(',').flatMap((entry) => entry.trim() || []);
  for (const [index, entry] of entries.entries()) {
    const [tenant = '', role = '', ...rest] = entry.split(':');
    const secret = rest.join(':');
    if (!TENANT.test(tenant)) return bad(index, 'the tenant must be 1 to 64 of A-Z, a-z, 0-9, "_" and "-"');
    if (role !== 'user' && role !== 'admin') return bad(index, 'the role must be user or admin');
    if (secret === '') return bad(index, 'the secret is missing');
    keys.push({ tenant, role, digest: digestOf(secret).toString('base64') });
  }
  return { ok: true, keys };
}

/** Compares with every key in constant time, so that neither the time nor the order says how near a guess was. */
export function findApiKey(keys: readonly ApiKey[], secret: string): ApiKey | null {
  const shown = digestOf(secret);
  let found: ApiKey | null = null;
  for (const key of keys) {
    if (timingSafeEqual(shown, Buffer.from(key.digest, 'base64'))) found = key;
  }
  return found;
}

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function bad(index: number, problem: string): ParsedApiKeys {
  return { ok: false, problem: `entry ${index + 1}: ${problem}` };
}
