import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';

export interface RawRequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** sent unchanged; the caller sets its content type */
  readonly body?: string | Buffer;
  /** cut the connection after this much of the body: a number of bytes, or of frames that end in an empty line */
  readonly cutAfter?: { readonly bytes: number } | { readonly frames: number };
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** the body, byte for byte; after a cut, no more than was asked for */
  readonly bytes: Buffer;
  /** each chunk as the socket delivered it, with `performance.now()` */
  readonly chunks: readonly { readonly bytes: Buffer; readonly at: number }[];
  /** `clean`: the body ended properly · `broken`: the server aborted it · `cut`: this side cut it */
  readonly end: 'clean' | 'broken' | 'cut';
}

/** One HTTP request on its own connection, for tests that inspect bytes or cut connections.
 *  @throws Error there was no answer */
export async function rawRequest(url: string | URL, options: RawRequestOptions = {}): Promise<RawAnswer> {
  const { method = options.body === undefined ? 'GET' : 'POST', headers = {}, body, cutAfter } = options;
  const outgoing = request(url, { method, headers, agent: false });
  outgoing.end(body);
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  outgoing.on('error', () => {
    // after a cut or an abort; `end` says so
  });

  const chunks: { bytes: Buffer; at: number }[] = [];
  let length: number | undefined;
  answer.on('data', (bytes: Buffer) => {
    chunks.push({ bytes, at: performance.now() });
    length = cutAfter === undefined ? undefined : cutLength(joined(chunks), cutAfter);
    if (length !== undefined) outgoing.destroy();
  });
  answer.on('error', () => {
    // the body was aborted; `end` says so
  });
  await new Promise((resolve) => answer.once('close', resolve));

  const end = length !== undefined ? 'cut' : answer.complete ? 'clean' : 'broken';
  const bytes = joined(chunks).subarray(0, length);
  return { status: answer.statusCode ?? 0, headers: answer.headers, bytes, chunks, end };
}

function joined(chunks: readonly { readonly bytes: Buffer }[]): Buffer {
  return Buffer.concat(chunks.map(({ bytes }) => bytes));
}

/** Where to cut, or undefined while too little has arrived. */
function cutLength(body: Buffer, cutAfter: NonNullable<RawRequestOptions['cutAfter']>): number | undefined {
  if ('bytes' in cutAfter) return body.length >= cutAfter.bytes ? cutAfter.bytes : undefined;
  let end = 0;
  for (let frame = 0; frame < cutAfter.frames; frame += 1) {
    const blank = body.indexOf('\n\n', end);
    if (blank === -1) return undefined;
    end = blank + 2;
  }
  return end;
}
