import { createHash } from 'node:crypto';

type Role = 'user' | 'admin';

/** An API key, without its secret. */
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

/** A shorter secret can be guessed. */
const MIN_SECRET_CHARS = 16;
/** The characters that a header can carry. */
const SECRET = /^[\x21-\x7e]+$/;

/** Parses `tenant:role:secret,…`. A problem names the entry by its number, because its text holds a secret. */
export function parseApiKeys(text: string): ParsedApiKeys {
  const keys: ApiKey[] = [];
  const entries = text.split(',').flatMap((entry) => entry.trim() || []);
  for (const [index, entry] of entries.entries()) {
    const [tenant = '', role = '', ...rest] = entry.split(':');
    const secret = rest.join(':');
    if (!TENANT.test(tenant)) return bad(index, 'the tenant must be 1 to 64 of A-Z, a-z, 0-9, "_" and "-"');
    if (role !== 'user' && role !== 'admin') return bad(index, 'the role must be user or admin');
    if (secret.length < MIN_SECRET_CHARS)
      return bad(index, `the secret must have ${MIN_SECRET_CHARS} characters at least`);
    if (!SECRET.test(secret)) return bad(index, 'the secret must be printable ASCII without blanks');
    const digest = digestOf(secret);
    const same = keys.findIndex((key) => key.digest === digest);
    if (same !== -1) return bad(index, `the secret is that of entry ${same + 1}; make another one`);
    keys.push({ tenant, role, digest });
  }
  return { ok: true, keys };
}

/** Finds keys by their secret. It compares digests, so the time that takes reveals nothing that helps to guess a secret. */
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
