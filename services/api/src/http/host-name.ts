// what would end the host of a URL and begin something else
const NO_HOST = /[\s/?#@\\%]/;

/** The name or address in a `Host` header, as every spelling of it is written: `LOCALHOST:8080` is `localhost`,
 *  `[0::1]` is `[::1]`, `127.1` is `127.0.0.1`.
 *  @returns null for what is no host with or without a port */
export function hostNameOf(host: string): string | null {
  const url = hostUrl(host, 'http:');
  return url === null ? null : url.hostname.replace(/\.$/, '');
}

/** Whether a page of this origin was loaded from this host. The scheme is the origin's own: TLS ends at a proxy.
 *  @param origin of the header `Origin`; `null` is that of no host */
export function isOriginOf(host: string, origin: string): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, host: page } = new URL(origin);
  return (protocol === 'http:' || protocol === 'https:') && hostUrl(host, protocol)?.host === page;
}

/** @param protocol whose default port may be left out */
function hostUrl(host: string, protocol: string): URL | null {
  const url = `${protocol}//${host}`;
  return host === '' || NO_HOST.test(host) || !URL.canParse(url) ? null : new URL(url);
}
