import type { Caller } from '../auth/caller.ts';

/** Knows one kind of credential. */
export interface CredentialSource {
  /** @returns whom the secret stands for; null: it is none of this kind, or does not hold
   *  @throws Unavailable what it takes to know cannot be reached */
  find(secret: string): Promise<Caller | null>;
}
