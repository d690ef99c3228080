import type { FastifyRequest } from 'fastify';
import { type ApiKey, KeyRing } from '../api-keys.ts';
import { Unauthenticated } from '../http/problem.ts';
import type { AuthFailures } from './auth-failures.ts';
import type { Authenticator } from './authenticator.ts';
import type { Caller } from './caller.ts';
import { ROLE_PERMISSIONS } from './permissions.ts';

// the scheme is case-insensitive, RFC 9110 §11.1
const BEARER = /^Bearer +([\x21-\x7e]+) *$/i;

/** Without keys everybody is an admin of the one tenant. */
export class AnonymousAuthenticator implements Authenticator {
  readonly #everybody: Caller = callerOf({ tenant: 'default', role: 'admin' });

  async authenticate(): Promise<Caller> {
    return this.#everybody;
  }
}

/** Accepts the API keys of the settings, sent as `Authorization: Bearer` or `x-api-key`. */
export class ApiKeyAuthenticator implements Authenticator {
  readonly #ring: KeyRing;
  readonly #failures: AuthFailures;

  constructor(keys: readonly ApiKey[], failures: AuthFailures) {
    this.#ring = new KeyRing(keys);
    this.#failures = failures;
  }

  /** @throws Unauthenticated the request has no key, a wrong one, or two */
  async authenticate(request: FastifyRequest): Promise<Caller> {
    const [secret, other = secret] = secretsOf(request);
    const key = secret !== undefined && secret === other ? this.#ring.find(secret) : null;
    if (key !== null) return callerOf(key);
    if (secret === undefined) this.#failures.missingKey();
    else this.#failures.wrongKey(request.ip);
    throw new Unauthenticated();
  }
}

/** A key names a tenant and a role, no person, and does not expire. */
function callerOf({ tenant, role }: Pick<ApiKey, 'tenant' | 'role'>): Caller {
  return { tenant, role, subject: null, permissions: ROLE_PERMISSIONS[role], expiresAt: null };
}

/** The keys in one or both headers. A malformed one counts as wrong. */
function secretsOf({ headers }: FastifyRequest): string[] {
  const { authorization, 'x-api-key': own } = headers;
  return [authorization === undefined ? [] : (BEARER.exec(authorization)?.[1] ?? ''), own ?? []].flat();
}
