const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Whether a request only asks, and has no body that means something. @see RFC 9110 §9.2.1 */
export function changesNothing(method: string): boolean {
  return SAFE.has(method);
}
