import { isIPv6 } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { hostNameOf, isOriginOf } from '../http/host-name.ts';
import { ForeignOrigin, HostNotAllowed } from '../http/problem.ts';
import { changesNothing } from '../http/safe-methods.ts';
import { type ApiSettings, needsCredentials } from '../settings.ts';

/** Probes reach a node by any name; these routes reveal only that it lives. */
const FOR_PROBES: ReadonlySet<string | undefined> = new Set(['/healthz', '/readyz']);

/** Addresses to listen on that no client can name. */
const EVERYWHERE: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** Protects a service without keys from web pages. Everybody who reaches it is its admin, and a browser on its machine
 *  reaches it for every open page. So a page that points its own name at this address (DNS rebinding) is refused, and
 *  a page of another origin must not change anything. @see PROTOCOL.md §8 */
export function refuseForeignPages(fastify: FastifyInstance, settings: ApiSettings): void {
  if (needsCredentials(settings)) return;
  const names = new Set(settings.MILLRACE_ALLOWED_HOSTS);
  if (!EVERYWHERE.has(settings.HOST)) names.add(hostNameOf(bracketed(settings.HOST)) ?? settings.HOST);
  const origins = new Set(settings.MILLRACE_CORS_ORIGINS);
  fastify.addHook('onRequest', (request, _reply, done) => {
    const host = hostOf(request);
    if (!FOR_PROBES.has(request.routeOptions.url) && !isOwn(host, request, names)) done(new HostNotAllowed());
    else if (!changesNothing(request.method) && isForeign(request, host, origins)) done(new ForeignOrigin());
    else done();
  });
}

/** The host that a request names. A target that is a whole URL overrides `Host`. @see RFC 9112 §3.2.2 */
function hostOf({ raw, headers }: FastifyRequest): string {
  const { url = '' } = raw;
  return url.startsWith('/') || !URL.canParse(url) ? (headers.host ?? '') : new URL(url).host;
}

/** Loopback, a configured name, or the address that the request came to, which no page can have as its name. */
function isOwn(host: string, { raw }: FastifyRequest, names: ReadonlySet<string>): boolean {
  // missing in HTTP/1.0, which no browser speaks
  const name = host === '' ? 'localhost' : hostNameOf(host);
  if (name === null) return false;
  if (name === 'localhost' || name.endsWith('.localhost') || name === '[::1]') return true;
  if (/^127(\.\d{1,3}){3}$/.test(name) || names.has(name)) return true;
  return name === bracketed(raw.socket.localAddress ?? '').replace(/^\[::ffff:(.*)\]$/, '$1');
}

/** Browsers send the origin of a page with every change. Without it, their hint decides. */
function isForeign({ headers }: FastifyRequest, host: string, origins: ReadonlySet<string>): boolean {
  const { origin, 'sec-fetch-site': site = 'none' } = headers;
  if (origin === undefined) return site !== 'none' && site !== 'same-origin';
  return !origins.has(origin) && !isOriginOf(host, origin);
}

function bracketed(address: string): string {
  return isIPv6(address) ? `[${address}]` : address;
}
