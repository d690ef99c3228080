import type { FastifyRequest } from 'fastify';
import { InvalidRequest } from './problem.ts';

/** What shall happen to the job of a request in another protocol when its connection is lost: the header
 *  `X-Millrace-On-Disconnect`.
 *  @returns null if the client sent none: the protocol decides
 *  @throws InvalidRequest */
export function onDisconnectOf({ headers }: FastifyRequest): 'continue' | 'cancel' | null {
  const given = headers['x-millrace-on-disconnect'];
  if (given === undefined || given === 'continue' || given === 'cancel') return given ?? null;
  throw new InvalidRequest('The header X-Millrace-On-Disconnect must be "continue" or "cancel".');
}
