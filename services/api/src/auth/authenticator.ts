import type { FastifyInstance } from 'fastify';
import { Unauthenticated } from '../http/problem.ts';
import type { ApiSettings } from '../settings.ts';
import { findApiKey } from './api-keys.ts';
import type { Caller } from './caller.ts';

const EVERYBODY: Caller = { tenant: 'default', isAdmin: true };

// the scheme is case-insensitive, RFC 9110 §11.1
const BEARER = /^Bearer +([\x21-\x7e]+) *$/i;

/** Who a request's `Authorization` header says is calling.
 *  @throws Unauthenticated keys are asked for, and this is none of them */
export function identify(settings: ApiSettings, authorization: string | undefined): Caller {
  if (settings.MILLRACE_AUTH !== 'apikey') return EVERYBODY;
  const secret = BEARER.exec(authorization ?? '')?.[1];
  const key = secret === undefined ? null : findApiKey(settings.MILLRACE_API_KEYS, secret);
  if (key === null) throw new Unauthenticated();
  return { tenant: key.tenant, isAdmin: key.role === 'admin' };
}

const MAY_HAVE_A_BODY: ReadonlySet<string> = new Set(['POST', 'DELETE']);

/** Turns strangers away before a body of theirs is read. No open route takes one; the guard asks again for all. */
export function refuseBodiesOfStrangers(fastify: FastifyInstance, settings: ApiSettings): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (MAY_HAVE_A_BODY.has(request.method)) identify(settings, request.headers.authorization);
    done();
  });
}
