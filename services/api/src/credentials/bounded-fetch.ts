/** Fetches like `fetch`, but refuses a body that is larger than a set of keys can be: an issuer must not fill the memory.
 *  @throws TypeError the body is too large */
export async function boundedFetch(url: string, options: RequestInit, maxBytes: number): Promise<Response> {
  const response = await fetch(url, options);
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    return new Response(null, { status: response.ok ? 204 : 502 });
  }
  const parts: Uint8Array[] = [];
  let bytes = 0;
  // leaving the loop closes the connection
  for await (const part of response.body) {
    bytes += part.byteLength;
    if (bytes > maxBytes) throw new TypeError(`the body is larger than ${maxBytes} bytes`);
    parts.push(part);
  }
  return new Response(Buffer.concat(parts));
}
