/** The id of a job that is yet to be accepted, made here: while there can be no job of it, another id may take its place. Keep it
 *  to send the same job again. */
export interface OwnRequestId {
  value: string;
  mayExist: boolean;
}

export function ownRequestId(): OwnRequestId {
  return { value: newRequestId(), mayExist: false };
}

/** @returns a fresh request id: 144 random bits, 24 characters of base64url.
 *  The client makes it, so that it can repeat a POST whose answer was lost without creating a second job. */
export function newRequestId(): string {
  // not crypto.randomUUID: browsers provide it only in secure contexts
  const id = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(18))))
    .replaceAll('+', '-')
    .replaceAll('/', '_');
  // nor one that a command line takes for an option
  return /^(\d+$|-)/.test(id) ? newRequestId() : id;
}
