// characters that end the host of a URL
const NO_HOST = /[\s/?#@\\%]/;

/** The last answer: a node is asked under one name, several times for each request. */
let last: { readonly host: string; readonly name: string | null } = { host: '', name: null };

/** The normal form of the name or address in a `Host` header: `LOCALHOST:8080` is `localhost`, `[0::1]` is `[::1]`,
 *  `127.1` is `127.0.0.1`.
 *  @returns null unless it is a host, with or without a port */
export function hostNameOf(host: string): string | null {
  if (host !== last.host) {
    const url = hostUrl(host, 'http:');
    last = { host, name: url === null ? null : url.hostname.replace(/\.$/, '') };
  }
  return last.name;
}

/** Whether a page of this origin was loaded from this host. The scheme is that of the origin, because TLS ends at a proxy.
 *  @param origin value of the header `Origin`; `null` belongs to no host */
export function isOriginOf(host: string, origin: string): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, host: page } = new URL(origin);
  return (protocol === 'http:' || protocol === 'https:') && hostUrl(host, protocol)?.host === page;
}

/** @param protocol its default port may be omitted */
function hostUrl(host: string, protocol: string): URL | null {
  const url = `${protocol}//${host}`;
  return host === '' || NO_HOST.test(host) || !URL.canParse(url) ? null : new URL(url);
}
