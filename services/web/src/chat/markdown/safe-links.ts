const SAFE = new Set(['http:', 'https:', 'mailto:']);

/** @returns the address as a browser understands it, or null for anything but a web page or a mail: no script, no data */
export function safeLink(href: unknown): URL | null {
  if (typeof href !== 'string') return null;
  try {
    const url = new URL(href);
    return SAFE.has(url.protocol) ? url : null;
  } catch {
    // relative: it would lead into this page
    return null;
  }
}

/** Anything that a person reads as an address: with a scheme or `//` before it, or a name with a dot, an address of numbers, or one in
 *  brackets; also behind other words, with a user, a port or a path. Bounds keep
 *  the search linear. */
const ADDRESS =
  /(?:\p{L}[\p{L}\p{N}+.-]{0,30}:)?\/\/[^\s<>"'()]+|(?:[^\s<>"'()/@]{0,64}@)?(?:(?:[\p{L}\p{N}-]{1,63}[.。]){1,20}(?:\p{L}{2,63}|xn--[a-z0-9-]{1,59})|(?:\d{1,3}\.){3}\d{1,3})\.?(?![\p{L}\p{N}_])(?:[:/?#][^\s<>"'()]*)?/giu;

/** Whether a link's words name another host than it leads to, wherever in them: "see https://bank.example/login" that leads to
 *  evil.example. A file name such as `notes.md` counts, too: the host that is shown then harms nobody. */
export function isMisleading(words: string, url: URL): boolean {
  if (url.protocol === 'mailto:') return false;
  if (url.username !== '' || url.password !== '') return true;
  // what is not seen splits no name
  const seen = words.normalize('NFKC').replace(/\p{Cf}/gu, '');
  return (seen.match(ADDRESS) ?? []).some((address) => plainHost(address) !== bare(url.hostname));
}

/** @returns the host as a browser understands it; null: it is none */
function plainHost(address: string): string | null {
  const from = address.indexOf('//');
  const rest = from === -1 ? address : address.slice(from + 2);
  try {
    return bare(new URL(`http://${rest}`).hostname);
  } catch {
    return null;
  }
}

function bare(host: string): string {
  return host.replace(/\.$/, '').replace(/^www\./, '');
}
