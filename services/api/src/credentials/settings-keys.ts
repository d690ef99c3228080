import { type ApiKey, digestOf } from '../api-keys.ts';
import { type Caller, LASTING } from '../auth/caller.ts';
import { ROLE_PERMISSIONS } from '../auth/permissions.ts';
import type { CredentialSource } from './credential-source.ts';

/** The keys of the settings. */
export class SettingsKeys implements CredentialSource {
  readonly #callers: ReadonlyMap<string, Caller>;

  constructor(keys: readonly ApiKey[]) {
    this.#callers = new Map(keys.map((key) => [key.digest, callerOfKey(key)]));
  }

  async find(secret: string): Promise<Caller | null> {
    return this.#callers.get(digestOf(secret)) ?? null;
  }
}

/** A key names a tenant and a role, no person. */
export function callerOfKey({ tenant, role }: Pick<ApiKey, 'tenant' | 'role'>, credential = LASTING): Caller {
  return { tenant, role, subject: null, permissions: ROLE_PERMISSIONS[role], scope: null, credential };
}
