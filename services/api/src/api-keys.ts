import { createHash } from 'node:crypto';

/** What a credential lets its holder be. @see PROTOCOL.md §11 */
export const ROLES = ['user', 'manager', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** @returns whether a role of an issuer or a key is one of ours */
export function isRole(role: unknown): role is Role {
  return ROLES.some((known) => known === role);
}

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

/** What names a tenant. */
export const TENANT = /^[A-Za-z0-9_-]{1,64}$/;

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
    if (!isRole(role)) return bad(index, 'the role must be user, manager or admin');
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

/** What is kept of a secret. Secrets are looked up by it, so the time that takes reveals nothing that helps to guess one.
 *  @returns sha256, base64 */
export function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64');
}

function bad(index: number, problem: string): ParsedApiKeys {
  return { ok: false, problem: `entry ${index + 1}: ${problem}` };
}
