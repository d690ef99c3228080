import type { FastifyRequest } from 'fastify';
import type { Authenticator } from '../auth/authenticator.ts';
import { type Caller, LASTING } from '../auth/caller.ts';
import { Unauthenticated } from '../http/problem.ts';
import type { AuthFailures } from './auth-failures.ts';
import type { CredentialSource } from './credential-source.ts';
import { presentedSecrets } from './presented-secrets.ts';
import { callerOfKey } from './settings-keys.ts';
import { Tokens } from './tokens.ts';
import type { WrongTries } from './wrong-tries.ts';

/** Without keys everybody is an admin of the one tenant, but who sends a token, which says what it is for. */
export class AnonymousAuthenticator implements Authenticator {
  readonly #everybody: Caller = callerOfKey({ tenant: 'default', role: 'admin' }, LASTING);

  constructor(private readonly tokens: CredentialSource) {}

  /** @throws Unauthenticated a token that does not hold */
  async authenticate(request: FastifyRequest): Promise<Caller> {
    const token = presentedSecrets(request).find(Tokens.isToken);
    if (token === undefined) return this.#everybody;
    const caller = await this.tokens.find(token);
    if (caller === null) throw new Unauthenticated();
    return caller;
  }
}

/** Accepts the credentials that its sources know, sent as `Authorization: Bearer` or `x-api-key`. */
export class CredentialAuthenticator implements Authenticator {
  constructor(
    private readonly sources: readonly CredentialSource[],
    private readonly failures: AuthFailures,
    private readonly wrongTries: WrongTries,
  ) {}

  /** @throws Unauthenticated the request has no credential, a wrong one, or two
   *  @throws TooManyWrongTries many were wrong that came from the address */
  async authenticate(request: FastifyRequest): Promise<Caller> {
    const [secret, other = secret] = presentedSecrets(request);
    if (secret === undefined) {
      this.failures.missingKey();
      throw new Unauthenticated();
    }
    await this.wrongTries.refuseBlocked(request.ip, secret);
    const caller = secret === other ? await this.#find(secret) : null;
    if (caller !== null) {
      this.wrongTries.right(secret);
      return caller;
    }
    this.failures.wrongKey(request.ip);
    await this.wrongTries.wrong(request.ip);
    throw new Unauthenticated();
  }

  async #find(secret: string): Promise<Caller | null> {
    for (const source of this.sources) {
      const caller = await source.find(secret);
      if (caller !== null) return caller;
    }
    return null;
  }
}
