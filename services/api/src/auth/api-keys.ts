import { createHash } from 'node:crypto';

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

/** Shorter ones can be guessed. */
const LEAST_SECRET_CHARS = 16;
/** What a header can carry. */
const SECRET = /^[\x21-\x7e]+$/;

/** Reads `tenant:role:secret,…`. A problem names the entry by its number, never by its text: that holds a secret. */
export function parseApiKeys(text: string): ParsedApiKeys {
  const keys: ApiKey[] = [];
  const entries = text.split(',').flatMap((entry) => entry.trim() || []);
  for (const [index, entry] of entries.entries()) {
    const [tenant = '', role = '', ...rest] = entry.split(':');
    const secret = rest.join(':');
    if (!TENANT.test(tenant)) return bad(index, 'the tenant must be 1 to 64 of A-Z, a-z, 0-9, "_" and "-"');
    if (role !== 'user' && role !== 'admin') return bad(index, 'the role must be user or admin');
    if (secret.length < LEAST_SECRET_CHARS)
      return bad(index, `the secret must have ${LEAST_SECRET_CHARS} characters at least`);
    if (!SECRET.test(secret)) return bad(index, 'the secret must be printable ASCII without blanks');
    const digest = digestOf(secret);
    const same = keys.findIndex((key) => key.digest === digest);
    if (same !== -1) return bad(index, `the secret is that of entry ${same + 1}; make another one`);
    keys.push({ tenant, role, digest });
  }
  return { ok: true, keys };
}

/** The keys by what is known of their secrets. A guess is looked for by its digest: how long that takes tells something of
 *  digests, and from those nobody can work back, nor forward to one that is nearer. */
export class KeyRing {
  readonly #keys: ReadonlyMap<string, ApiKey>;

  constructor(keys: readonly ApiKey[]) {
    this.#keys = new Map(keys.map((key) => [key.digest, key]));
  }

  find(secret: string): ApiKey | null {
    return this.#keys.get(digestOf(secret)) ?? null;
  }
}

function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64');
}

function bad(index: number, problem: string): ParsedApiKeys {
  return { ok: false, problem: `entry ${index + 1}: ${problem}` };
}
