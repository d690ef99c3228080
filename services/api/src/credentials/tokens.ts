import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { SignJWT } from 'jose';
import { z } from 'zod';
import type { Caller } from '../auth/caller.ts';
import type { Permission } from '../auth/permissions.ts';
import { TooManyRevocations } from '../http/problem.ts';
import type { ApiSettings } from '../settings.ts';
import { SETTINGS } from '../tokens.ts';
import { CredentialDirectory } from './credential-directory.ts';
import type { CredentialSource } from './credential-source.ts';
import { SigningKey } from './signing-key.ts';
import { ALGORITHM, verifiedClaims } from './verified-claims.ts';

/** Tells tokens from all other secrets. Only they may stand in a URL. */
const PREFIX = 'mrt_';
/** Signed into each token: nothing else that the secret may sign is one. */
const TYPE = 'millrace-token+jwt';

/** What the holder of a token may do with its jobs and threads. */
export const RIGHTS = ['watch', 'cancel', 'create'] as const;
export type Right = (typeof RIGHTS)[number];

/** What each right lets the holder of a token do, with its jobs and threads alone. */
export const RIGHT_PERMISSIONS: Readonly<Record<Right, readonly Permission[]>> = {
  watch: ['job:watch', 'job:read', 'thread:read'],
  cancel: ['job:cancel'],
  create: ['job:create'],
};

/** The longest life of a token, seconds. */
export const MAX_TOKEN_SECONDS = 86_400;

export interface NewToken {
  readonly tenant: string;
  readonly jobs: readonly string[];
  readonly threads: readonly string[];
  readonly may: readonly Right[];
  readonly expiresInSeconds: number;
}

export interface IssuedToken {
  readonly id: string;
  readonly token: string;
  /** ms since the epoch */
  readonly expiresAt: number;
}

/** Tokens that one tenant may revoke within a day. */
const MAX_REVOKED = 10_000;

const claimsSchema = z.object({
  jti: z.string(),
  sub: z.string(),
  exp: z.number(),
  jobs: z.array(z.string()),
  threads: z.array(z.string()),
  may: z.array(z.enum(RIGHTS)),
});

/** Tokens for browsers: signed, bound to a tenant, to jobs or threads, to rights and a time. Nothing is kept of one until it
 *  is revoked. @see PROTOCOL.md §11 */
@Injectable()
export class Tokens implements CredentialSource {
  readonly #key: SigningKey;

  constructor(
    @Inject(CredentialDirectory) private readonly directory: CredentialDirectory,
    @Inject(SETTINGS) settings: ApiSettings,
  ) {
    this.#key = new SigningKey(directory, settings);
  }

  /** @returns whether a secret has the form of a token */
  static isToken(secret: string): boolean {
    return secret.startsWith(PREFIX);
  }

  async find(secret: string): Promise<Caller | null> {
    if (!Tokens.isToken(secret)) return null;
    const options = { key: await this.#key.get(), type: TYPE, schema: claimsSchema };
    const claims = await verifiedClaims(secret.slice(PREFIX.length), options);
    if (claims === null || (await this.directory.isRevoked(credentialId(claims.sub, claims.jti)))) return null;
    return {
      tenant: claims.sub,
      role: 'user',
      subject: null,
      permissions: new Set(claims.may.flatMap((right) => RIGHT_PERMISSIONS[right])),
      scope: { jobs: new Set(claims.jobs), threads: new Set(claims.threads) },
      credential: { id: credentialId(claims.sub, claims.jti), expiresAt: claims.exp * 1_000 },
    };
  }

  async issue({ tenant, jobs, threads, may, expiresInSeconds }: NewToken): Promise<IssuedToken> {
    const id = randomUUID();
    const expiresAt = Math.floor(Date.now() / 1_000) + expiresInSeconds;
    const signed = await new SignJWT({ jobs, threads, may })
      .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
      .setJti(id)
      .setSubject(tenant)
      .setExpirationTime(expiresAt)
      .sign(await this.#key.get());
    return { id, token: `${PREFIX}${signed}`, expiresAt: expiresAt * 1_000 };
  }

  /** Ends a token of a tenant, wherever it is in use. Harmless if there is none.
   *  @throws TooManyRevocations each of them is kept on each node until the token would have expired */
  async revoke(tenant: string, id: string): Promise<void> {
    const known = credentialId(tenant, id);
    if (await this.directory.isRevoked(known)) return;
    if (this.directory.revokedWith(credentialId(tenant, '')) >= MAX_REVOKED) throw new TooManyRevocations(MAX_REVOKED);
    await this.directory.revokeToken(known, Date.now() + MAX_TOKEN_SECONDS * 1_000);
  }
}

/** With its tenant, so that nobody ends a token of another one. */
export function credentialId(tenant: string, tokenId: string): string {
  return `${tenant}/${tokenId}`;
}
