import { Inject, Injectable } from '@nestjs/common';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Unauthenticated } from '../http/problem.ts';
import { changesNothing } from '../http/safe-methods.ts';
import type { ApiSettings } from '../settings.ts';
import { SETTINGS } from '../tokens.ts';
import { KeyRing } from './api-keys.ts';
import { AuthFailures } from './auth-failures.ts';
import { type Caller, knownCaller, rememberCaller } from './caller.ts';

const EVERYBODY: Caller = { tenant: 'default', isAdmin: true };

// the scheme is case-insensitive, RFC 9110 §11.1
const BEARER = /^Bearer +([\x21-\x7e]+) *$/i;

/** Finds out who calls. */
@Injectable()
export class Authenticator {
  readonly #ring: KeyRing | null;

  constructor(
    @Inject(SETTINGS) settings: ApiSettings,
    @Inject(AuthFailures) private readonly failures: AuthFailures,
  ) {
    this.#ring = settings.MILLRACE_AUTH === 'apikey' ? new KeyRing(settings.MILLRACE_API_KEYS) : null;
  }

  /** Who sends a request, as its `Authorization` or `x-api-key` says; looked up once, however often it is asked.
   *  @throws Unauthenticated keys are asked for, and it has none, a wrong one, or two */
  identify(request: FastifyRequest): Caller {
    const caller = knownCaller(request) ?? this.#find(request);
    rememberCaller(request, caller);
    return caller;
  }

  #find(request: FastifyRequest): Caller {
    if (this.#ring === null) return EVERYBODY;
    const [secret, other = secret] = secretsOf(request);
    const key = secret !== undefined && secret === other ? this.#ring.find(secret) : null;
    if (key !== null) return { tenant: key.tenant, isAdmin: key.role === 'admin' };
    if (secret === undefined) this.failures.noKey();
    else this.failures.wrongKey(request.ip);
    throw new Unauthenticated();
  }
}

/** What is shown as a key, in the one header, the other or both. What is no key at all is a wrong one. */
function secretsOf({ headers }: FastifyRequest): string[] {
  const { authorization, 'x-api-key': own } = headers;
  return [authorization === undefined ? [] : (BEARER.exec(authorization)?.[1] ?? ''), own ?? []].flat();
}

/** Turns strangers away before a body of theirs is read. No open route takes one; the guard asks again for all. */
export function refuseBodiesOfStrangers(fastify: FastifyInstance, authenticator: Authenticator): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (!changesNothing(request.method)) authenticator.identify(request);
    done();
  });
}
