import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { hostNameOf } from '../http/host-name.ts';
import { Problem } from '../http/problem.ts';

/** Fields of which Node silently keeps the first only, while a proxy may have used the last. */
const SINGLE = new Set(['host', 'authorization', 'content-type']);

/** Refuses a head that a proxy and this service may understand differently. */
export function refuseAmbiguousHeads(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    const fault = faultOf(request.raw);
    // the connection cannot be trusted any more
    done(fault === null ? undefined : new Problem('INVALID_REQUEST', fault, { headers: { Connection: 'close' } }));
  });
}

/** @see RFC 9112 §2.3, §3.2; RFC 9110 §5.3 */
function faultOf({ httpVersion, headers, rawHeaders }: IncomingMessage): string | null {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return 'Send the request as HTTP/1.1.';
  const twice = repeated(rawHeaders);
  if (twice !== null) return `The header ${twice} is given twice.`;
  if (headers.host === undefined) return httpVersion === '1.1' ? 'The header Host is missing.' : null;
  return hostNameOf(headers.host) === null ? 'The header Host is no host name with or without a port.' : null;
}

/** @param rawHeaders names and values alternately */
function repeated(rawHeaders: readonly string[]): string | null {
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? '';
    if (!SINGLE.has(name)) continue;
    if (seen.has(name)) return name;
    seen.add(name);
  }
  return null;
}
