import { createHash, randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { SignJWT } from 'jose';
import { z } from 'zod';
import type { Caller } from '../auth/caller.ts';
import type { Permission } from '../auth/permissions.ts';
import type { ApiSettings } from '../settings.ts';
import { SETTINGS } from '../tokens.ts';
import { CredentialDirectory } from './credential-directory.ts';
import { SigningKey } from './signing-key.ts';
import { credentialId } from './tokens.ts';
import { ALGORITHM, verifiedClaims } from './verified-claims.ts';

/** How long a session holds, seconds. The console page renews it while it is open. */
const SESSION_SECONDS = 900;
const TYPE = 'millrace-console-session+jwt';

/** All that a session may do: what a page needs that only shows. */
const PERMISSIONS: ReadonlySet<Permission> = new Set(['service:read']);

const claimsSchema = z.object({
  jti: z.string(),
  sub: z.string(),
  exp: z.number(),
  role: z.string(),
  person: z.string().nullable(),
  /** id of the issued key that opened the session; null: it was another credential */
  key: z.string().nullable(),
});

export interface NewSession {
  readonly id: string;
  /** the value of the cookie */
  readonly secret: string;
  /** ms since the epoch */
  readonly expiresAt: number;
}

/** Sessions of browsers, for pages that cannot send a header with a credential. A session is signed, short, may only look, and
 *  ends with the credential that opened it. Nothing is kept of one until it is ended. @see docs/adr/0043 */
@Injectable()
export class ConsoleSessions {
  readonly #key: SigningKey;

  constructor(
    @Inject(CredentialDirectory) private readonly directory: CredentialDirectory,
    @Inject(SETTINGS) settings: ApiSettings,
  ) {
    // no id says that a key of the settings is gone: sessions hold under the same keys only
    const keys = JSON.stringify([settings.MILLRACE_AUTH, settings.MILLRACE_API_KEYS]);
    this.#key = new SigningKey(directory, settings, createHash('sha256').update(`${TYPE} ${keys}`).digest('base64'));
  }

  async open({ tenant, role, subject, credential }: Caller): Promise<NewSession> {
    const id = randomUUID();
    const expiresAt = Math.min(Date.now() + SESSION_SECONDS * 1_000, credential.expiresAt ?? Number.POSITIVE_INFINITY);
    const secret = await new SignJWT({ role, person: subject, key: credential.id })
      .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
      .setJti(id)
      .setSubject(tenant)
      .setExpirationTime(Math.floor(expiresAt / 1_000))
      .sign(await this.#key.get());
    return { id, secret, expiresAt };
  }

  /** @returns null: there is no such session, or it has ended */
  async find(secret: string): Promise<Caller | null> {
    const claims = await verifiedClaims(secret, { key: await this.#key.get(), type: TYPE, schema: claimsSchema });
    if (claims === null) return null;
    const { jti, sub: tenant, role, person: subject, key, exp } = claims;
    const id = sessionId(tenant, jti);
    if (await this.directory.isRevoked(id)) return null;
    if (key !== null && !(await this.directory.hasKey(key))) return null;
    const credential = { id, expiresAt: exp * 1_000 };
    return { tenant, role, subject, permissions: PERMISSIONS, scope: null, credential };
  }

  /** Ends a session of a tenant, on all nodes. Harmless if there is none. */
  async end(tenant: string, id: string): Promise<void> {
    await this.directory.revokeToken(sessionId(tenant, id), Date.now() + SESSION_SECONDS * 1_000);
  }
}

/** No token has such an id: to end one never changes how long the other is revoked. */
function sessionId(tenant: string, id: string): string {
  return credentialId(`console:${tenant}`, id);
}
