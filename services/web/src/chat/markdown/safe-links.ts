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

/** Whether a link's words name another host than it leads to: "https://bank.example" that leads to evil.example. */
export function isMisleading(words: string, url: URL): boolean {
  if (url.protocol === 'mailto:') return false;
  const [, named] = /^\s*(?:https?:\/\/)?((?:[\p{L}\p{N}-]+\.)+\p{L}{2,})(?:[/:?#]\S*)?\s*$/u.exec(words) ?? [];
  if (named === undefined) return url.username !== '';
  const host = named.toLowerCase();
  return url.username !== '' || (host !== url.hostname && `www.${host}` !== url.hostname);
}
