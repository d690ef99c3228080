const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Whether a method is safe: it only reads, and its body means nothing. @see RFC 9110 §9.2.1 */
export function changesNothing(method: string): boolean {
  return SAFE.has(method);
}
