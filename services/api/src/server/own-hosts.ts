import { isIPv6 } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { hostNameOf, isOriginOf } from '../http/host-name.ts';
import { ForeignOrigin, HostNotAllowed } from '../http/problem.ts';
import { changesNothing } from '../http/safe-methods.ts';
import type { ApiSettings } from '../settings.ts';

/** Probes reach a node by whatever name there is; these say nothing but that it lives. */
const FOR_PROBES: ReadonlySet<string | undefined> = new Set(['/healthz', '/readyz']);

/** Addresses to listen on that are no names to be called by. */
const EVERYWHERE: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** Without keys whoever reaches the service is its admin, and a browser on its machine reaches it for every page that is
 *  open there. So a page that has given its own name this address (DNS rebinding) is told that the name is not known
 *  here, and one of another origin may change nothing. @see PROTOCOL.md §8 */
export function refuseForeignPages(fastify: FastifyInstance, settings: ApiSettings): void {
  if (settings.MILLRACE_AUTH === 'apikey') return;
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

/** Whom a request is for: a target that is a whole URL goes before `Host`. @see RFC 9112 §3.2.2 */
function hostOf({ raw, headers }: FastifyRequest): string {
  const { url = '' } = raw;
  return url.startsWith('/') || !URL.canParse(url) ? (headers.host ?? '') : new URL(url).host;
}

/** Loopback, a name that was given, or the very address that the request came to: no page has that for a name. */
function isOwn(host: string, { raw }: FastifyRequest, names: ReadonlySet<string>): boolean {
  // none: HTTP/1.0, which no browser speaks
  const name = host === '' ? 'localhost' : hostNameOf(host);
  if (name === null) return false;
  if (name === 'localhost' || name.endsWith('.localhost') || name === '[::1]') return true;
  if (/^127(\.\d{1,3}){3}$/.test(name) || names.has(name)) return true;
  return name === bracketed(raw.socket.localAddress ?? '').replace(/^\[::ffff:(.*)\]$/, '$1');
}

/** A browser names the origin of a page with every change; where it only hints at it, the hint counts. */
function isForeign({ headers }: FastifyRequest, host: string, origins: ReadonlySet<string>): boolean {
  const { origin, 'sec-fetch-site': site = 'none' } = headers;
  if (origin === undefined) return site !== 'none' && site !== 'same-origin';
  return !origins.has(origin) && !isOriginOf(host, origin);
}

function bracketed(address: string): string {
  return isIPv6(address) ? `[${address}]` : address;
}
