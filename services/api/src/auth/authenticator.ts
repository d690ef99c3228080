import type { FastifyInstance, FastifyRequest } from 'fastify';
import { changesNothing } from '../http/safe-methods.ts';
import type { Caller } from './caller.ts';

/** Finds out who sends a request. To add another kind of credential, implement it. */
export interface Authenticator {
  /** Asked once for each request to a route that is not public, before its body is read.
   *  @throws Unauthenticated the request has no valid credential */
  authenticate(request: FastifyRequest): Promise<Caller>;
}

/** Refuses strangers before their body is read. No public route has a body; the guard authenticates the other requests. */
export function authenticateBeforeBodies(fastify: FastifyInstance, authenticator: Authenticator): void {
  fastify.decorateRequest('caller', null);
  fastify.addHook('onRequest', async (request) => {
    if (!changesNothing(request.method)) request.caller = await authenticator.authenticate(request);
  });
}
