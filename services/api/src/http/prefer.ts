/** How long the client is ready to wait for a finished job: `Prefer: wait=SECONDS`, RFC 7240 §4.3.
 *  @returns milliseconds; null without the preference, or if it is malformed, which the RFC lets us ignore */
export function preferredWaitMs(prefer: string | readonly string[] | undefined): number | null {
  const preferences = (typeof prefer === 'string' ? [prefer] : (prefer ?? [])).flatMap((line) => line.split(','));
  for (const preference of preferences) {
    const wait = /^\s*wait\s*=\s*"?(\d{1,15})"?\s*(;|$)/i.exec(preference)?.[1];
    if (wait !== undefined) return Number(wait) * 1000; // the first one counts
  }
  return null;
}
