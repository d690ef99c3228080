import type { FastifyRequest } from 'fastify';
import { Tokens } from './tokens.ts';

// the scheme is case-insensitive, RFC 9110 §11.1
const BEARER = /^Bearer +([\x21-\x7e]+) *$/i;
/** For browsers' `EventSource`, which sends no headers. */
const PARAMETER = 'access_token';
/** The only paths where a credential may stand in the URL. */
const STREAM_PATH = /\/stream$/;

/** The credentials that a request presents: two where it says one thing in one place and another in the other. A malformed
 *  one counts as wrong. A token in the URL of a stream is taken out of the query, which handlers see. */
export function presentedSecrets(request: FastifyRequest): string[] {
  const { authorization, 'x-api-key': own } = request.headers;
  const bearer = authorization === undefined ? [] : (BEARER.exec(authorization)?.[1] ?? '');
  const inHeaders = [bearer, own ?? []].flat();
  const secrets = new Set([...inHeaders, ...secretsInUrl(request)]);
  return [...secrets];
}

function secretsInUrl({ method, query, routeOptions }: FastifyRequest): string[] {
  const parameters = query as Record<string, unknown>;
  if (parameters[PARAMETER] === undefined || !STREAM_PATH.test(routeOptions.url ?? '')) return [];
  const value = parameters[PARAMETER];
  delete parameters[PARAMETER];
  const mayStandThere = (method === 'GET' || method === 'HEAD') && typeof value === 'string' && Tokens.isToken(value);
  return [mayStandThere ? value : ''];
}
