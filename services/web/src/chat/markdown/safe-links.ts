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

/** What stands in no address. */
const BETWEEN = /[^\p{L}\p{N}.。:/?#@[\]%_-]+/u;
/** The last part of a name, by which a person tells it from a number or an abbreviation. */
const TOP_LEVEL = /^(?:\p{L}{2,63}|xn--[a-z0-9-]{1,59})$/iu;

/** Whether a link's words name another host than it leads to, wherever in them: "see https://bank.example/login" that leads to
 *  evil.example. A file name such as `notes.md` counts, too: the host that is shown then harms nobody. */
export function isMisleading(words: string, url: URL): boolean {
  if (url.protocol === 'mailto:') return false;
  if (url.username !== '' || url.password !== '') return true;
  // what is not seen splits no name
  const seen = words.normalize('NFKC').replace(/\p{Cf}/gu, '');
  return seen.split(BETWEEN).some((word) => hostsIn(word).some((host) => host !== bare(url.hostname)));
}

/** The hosts that a person reads in a word: behind a scheme or `//`, or as a name with a dot or an address of numbers, also with a
 *  user, a port or a path; null for one that is none. */
function hostsIn(word: string): (string | null)[] {
  const [, ...addresses] = word.split('//');
  const behindSlashes = addresses[0]?.replace(/^\/+/, '') ?? '';
  if (behindSlashes !== '') return [plainHost(behindSlashes)];
  const [authority = ''] = word.split(/[/?#]/, 1);
  return authority
    .split(/[:@]/)
    .filter(isName)
    .map((name) => plainHost(name));
}

function isName(text: string): boolean {
  const parts = text.split(/[.。]/).filter((part) => part !== '');
  return (parts.length > 1 && TOP_LEVEL.test(parts.at(-1) ?? '')) || (parts.length === 4 && parts.every(isByte));
}

function isByte(text: string): boolean {
  return /^\d{1,3}$/.test(text);
}

/** @returns the host as a browser understands it; null: it is none */
function plainHost(address: string): string | null {
  // a sentence ends behind it
  const end = address.search(/[.。:?]{1,9}$/);
  try {
    return bare(new URL(`http://${end === -1 ? address : address.slice(0, end)}`).hostname);
  } catch {
    return null;
  }
}

function bare(host: string): string {
  return host.replace(/\.$/, '').replace(/^www\./, '');
}
