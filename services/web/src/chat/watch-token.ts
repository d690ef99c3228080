/** Whether a watch token opens a job of this id, rather than a conversation. It is only read, not trusted: the service checks it. */
export function isForJob(token: string, id: string): boolean {
  const { jobs, threads } = claimsOf(token);
  const names = (list: unknown) => Array.isArray(list) && list.includes(id);
  return names(jobs) && !names(threads);
}

/** The claims of a JSON Web Token (RFC 7519 §3); empty where it is none. */
function claimsOf(token: string): { readonly jobs?: unknown; readonly threads?: unknown } {
  const payload = token.split('.')[1] ?? '';
  try {
    const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), (char) =>
      char.charCodeAt(0),
    );
    return Object(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return {};
  }
}
