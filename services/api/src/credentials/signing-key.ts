import { createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto';
import type { ApiSettings } from '../settings.ts';
import type { CredentialDirectory } from './credential-directory.ts';

type Settings = Pick<ApiSettings, 'MILLRACE_TOKEN_SECRET' | 'MILLRACE_KEY_PREFIX'>;

/** The key that signs one kind of credential: the same on all nodes, and another one for each kind and deployment. */
export class SigningKey {
  #key: Promise<KeyObject> | null = null;

  /** @param salt what it depends on besides: what is signed with one salt does not hold under another */
  constructor(
    private readonly directory: CredentialDirectory,
    private readonly settings: Settings,
    private readonly salt = '',
  ) {}

  /** @throws what Redis throws while it holds the secret and is away */
  get(): Promise<KeyObject> {
    this.#key ??= this.#load().catch((error: unknown) => {
      this.#key = null;
      throw error;
    });
    return this.#key;
  }

  async #load(): Promise<KeyObject> {
    const { MILLRACE_TOKEN_SECRET: given, MILLRACE_KEY_PREFIX: prefix } = this.settings;
    const secret = given ?? (await this.directory.tokenSecret(() => randomBytes(32).toString('base64url')));
    // deployments that share a secret must not take each other's tokens
    return createSecretKey(Buffer.from(hkdfSync('sha256', secret, this.salt, prefix, 32)));
  }
}
