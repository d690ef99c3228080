import { type LookupAddress, type LookupAllOptions, lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Names that never lead to another machine, or to one of a private network. */
const PRIVATE_NAME = /(^|\.)(localhost|local|internal|home\.arpa|localdomain)\.?$/i;

/** Gives all addresses of a name, as `dns.lookup` does. */
export type Resolver = (
  hostname: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** An address or a name that leads into the machine or a private network. */
export class PrivateAddress extends Error {
  constructor() {
    super('leads into a private network');
    this.name = new.target.name;
  }
}

/** Whether an address of IPv4 or IPv6 can be that of a public server: not private, loopback, link-local, multicast, reserved, or
 *  one of IPv6 that stands for such an address of IPv4. */
export function isPublicAddress(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast';
}

/** Whether a URL says by itself that it leads into a private network, before any name is resolved. */
export function isPrivateUrl(url: URL): boolean {
  const host = hostOf(url);
  return ipaddr.isValid(host) ? !isPublicAddress(host) : PRIVATE_NAME.test(host) || !host.includes('.');
}

/** The host of a URL, an address of IPv6 without its brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase();
}

/** Resolves names for a socket, to public addresses alone: what it gives is what the socket connects to, so that a name cannot
 *  lead elsewhere after it was checked.
 *  @param allowed names that may lead anywhere
 *  @param resolve asks the system's resolver when left out */
export function publicLookup(allowed: ReadonlySet<string>, resolve: Resolver = lookup): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, '', 0);
      const may = allowed.has(hostname.toLowerCase());
      const usable = addresses.filter(({ address }) => may || isPublicAddress(address));
      const [first] = usable;
      if (first === undefined) return callback(new PrivateAddress(), '', 0);
      return options.all === true ? callback(null, usable) : callback(null, first.address, first.family);
    });
  };
}
