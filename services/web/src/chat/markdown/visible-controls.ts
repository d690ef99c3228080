// LRE, RLE, PDF, LRO, RLO, LRI, RLI, FSI, PDI: what lets a text look other than it reads (CVE-2021-42574)
const BIDI_CONTROLS = /[\u202A-\u202E\u2066-\u2069]/g;

/** Makes the characters visible that turn the direction of what follows, so that no code or address looks like another one.
 *  Text in right-to-left scripts needs none of them. */
export function withVisibleControls(text: string): string {
  return text.replace(BIDI_CONTROLS, (found) => `[U+${found.charCodeAt(0).toString(16).toUpperCase()}]`);
}
