/** @returns a fresh request id: 144 random bits, 24 characters of base64url.
 *  Made by the client, so that a POST whose answer was lost can be repeated without making a second job. */
export function newRequestId(): string {
  // not crypto.randomUUID: browsers have it in secure contexts only
  const id = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(18))))
    .replaceAll('+', '-')
    .replaceAll('/', '_');
  return /^\d+$/.test(id) ? newRequestId() : id;
}
