import { randomBytes, randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { digestOf, type Role } from '../api-keys.ts';
import type { Caller } from '../auth/caller.ts';
import { CredentialDirectory, type IssuedKey } from './credential-directory.ts';
import type { CredentialSource } from './credential-source.ts';
import { callerOfKey } from './settings-keys.ts';

/** Tells issued keys from all other secrets, for people and for scanners that look for leaked ones. */
const PREFIX = 'mrk_';

export interface NewKey {
  readonly tenant: string;
  readonly role: Role;
  readonly name: string | null;
  /** null: never */
  readonly expiresInSeconds: number | null;
}

/** Keys that are made at run time. Redis has their digests only. @see PROTOCOL.md §11 */
@Injectable()
export class IssuedKeys implements CredentialSource {
  constructor(@Inject(CredentialDirectory) private readonly directory: CredentialDirectory) {}

  async find(secret: string): Promise<Caller | null> {
    if (!secret.startsWith(PREFIX)) return null;
    const key = await this.directory.findKey(digestOf(secret));
    return key && callerOfKey(key, { id: key.id, expiresAt: key.expiresAt });
  }

  /** @returns the key and its secret, which nobody can learn again */
  async issue({ tenant, role, name, expiresInSeconds }: NewKey): Promise<{ key: IssuedKey; secret: string }> {
    const secret = `${PREFIX}${randomBytes(32).toString('base64url')}`;
    const createdAt = Date.now();
    const expiresAt = expiresInSeconds === null ? null : createdAt + expiresInSeconds * 1_000;
    const key = { id: randomUUID(), digest: digestOf(secret), tenant, role, name, createdAt, expiresAt };
    await this.directory.addKey(key);
    return { key, secret };
  }
}
