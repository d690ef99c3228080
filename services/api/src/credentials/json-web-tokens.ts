import { type CryptoKey, errors, type JWTPayload, jwtVerify } from 'jose';
import { isRole, ROLES, type Role, TENANT } from '../api-keys.ts';
import { type Caller } from '../auth/caller.ts';
import { ROLE_PERMISSIONS } from '../auth/permissions.ts';
import type { CredentialSource } from './credential-source.ts';
import type { IssuerKeys } from './issuer-keys.ts';

/** How far the clocks of issuer and node may differ, seconds. */
const CLOCK_SKEW_SECONDS = 60;
/** The last moment that a `Date` can tell, ms since the epoch. */
const MAX_DATE_MS = 8.64e15;
/** Three parts in base64url, as every signed JSON Web Token has. */
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

export interface JwtPolicy {
  readonly issuer: string;
  readonly audience: string;
  /** e.g. `['RS256']`: no other is tried, whatever a token says */
  readonly algorithms: readonly string[];
  readonly tenantClaim: string;
  readonly roleClaim: string;
}

/** JSON Web Tokens of an issuer, by OpenID Connect for example. @see PROTOCOL.md §11 */
export class JsonWebTokens implements CredentialSource {
  constructor(
    private readonly policy: JwtPolicy,
    private readonly keys: Pick<IssuerKeys, 'resolve' | 'reportUnusable'>,
  ) {}

  async find(secret: string): Promise<Caller | null> {
    if (!COMPACT.test(secret)) return null;
    const claims = await this.#verified(secret);
    if (claims === null) return null;
    const tenant = claimOf(claims, this.policy.tenantClaim);
    const role = roleOf(claimOf(claims, this.policy.roleClaim));
    if (typeof tenant !== 'string' || !TENANT.test(tenant) || role === null) return null;
    const expiresAt = (Number(claims.exp) + CLOCK_SKEW_SECONDS) * 1_000;
    // 1e999 in JSON is infinite: a token that never ends
    if (expiresAt > MAX_DATE_MS) return null;
    return {
      tenant,
      role,
      subject: claims.sub ?? null,
      permissions: ROLE_PERMISSIONS[role],
      scope: null,
      credential: { id: null, expiresAt },
    };
  }

  async #verified(secret: string): Promise<JWTPayload | null> {
    const { issuer, audience, algorithms } = this.policy;
    const check = {
      issuer,
      audience,
      algorithms: [...algorithms],
      clockTolerance: CLOCK_SKEW_SECONDS,
      requiredClaims: ['exp'],
    };
    const verify = async (key: CryptoKey) => (await jwtVerify(secret, key, check)).payload;
    try {
      return (await jwtVerify(secret, this.keys.resolve, check)).payload;
    } catch (error) {
      if (error instanceof errors.JWKSMultipleMatchingKeys) return firstOf(error, verify);
      if (error instanceof errors.JOSEError) return null;
      // too short, for example
      if (!(error instanceof TypeError)) throw error;
      this.keys.reportUnusable(error);
      return null;
    }
  }
}

/** The result with the first key that fits: a token that names no key may be of any. */
async function firstOf<T>(keys: AsyncIterable<CryptoKey>, verify: (key: CryptoKey) => Promise<T>): Promise<T | null> {
  for await (const key of keys) {
    try {
      return await verify(key);
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof TypeError) continue;
      if (error instanceof errors.JOSEError) return null;
      throw error;
    }
  }
  return null;
}

/** A claim by its name, or by a path with dots (`app.tenant`) where there is none of that name. */
function claimOf(claims: JWTPayload, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  return name.split('.').reduce<unknown>((value, part) => {
    const isObject = typeof value === 'object' && value !== null && Object.hasOwn(value, part);
    return isObject ? (value as Record<string, unknown>)[part] : undefined;
  }, claims);
}

/** The highest role that a claim names, a word or a list; `user` without the claim.
 *  @returns null: it names none of ours */
function roleOf(claim: unknown): Role | null {
  if (claim === undefined) return 'user';
  const named = [claim].flat().filter(isRole);
  return ROLES.findLast((role) => named.includes(role)) ?? null;
}
