import { once } from 'node:events';
import { type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';

/** A piece of a body and when it came. */
export interface TimedChunk {
  readonly bytes: Uint8Array;
  readonly atMs: number;
}

/** An answer and when its parts came: milliseconds since the request was begun, connecting included. */
export interface TimedAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly headersMs: number;
  readonly chunks: readonly TimedChunk[];
  readonly endMs: number;
}

export interface PostOptions {
  readonly headers?: OutgoingHttpHeaders;
  readonly signal?: AbortSignal;
}

/** POSTs JSON on a connection of its own and times what comes back.
 *  @throws Error there was no answer, its body was broken off, or the signal was aborted */
export async function timedPost(
  url: string,
  body: object,
  { headers = {}, signal }: PostOptions = {},
): Promise<TimedAnswer> {
  const startedAt = performance.now();
  const elapsed = () => performance.now() - startedAt;
  const outgoing = request(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    agent: false,
    ...(signal === undefined ? {} : { signal }),
  });
  outgoing.end(JSON.stringify(body));
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  const headersMs = elapsed();
  outgoing.on('error', () => {
    // broken off or aborted: reading the body throws
  });
  const chunks: TimedChunk[] = [];
  for await (const bytes of answer) chunks.push({ bytes, atMs: elapsed() });
  return {
    status: answer.statusCode ?? 0,
    contentType: answer.headers['content-type'] ?? '',
    headersMs,
    chunks,
    endMs: elapsed(),
  };
}
