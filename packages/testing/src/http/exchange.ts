import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** What to send, piece by piece. */
export type Pieces = Iterable<string | Buffer> | AsyncIterable<string | Buffer>;

export interface ExchangeOptions {
  /** how long to wait for the server to close, milliseconds */
  readonly timeoutMs?: number;
  /** close the sending side after the last piece */
  readonly halfClose?: boolean;
}

export interface Exchanged {
  /** everything the server sent, byte for byte */
  readonly bytes: Buffer;
  /** from the connection to its end, milliseconds */
  readonly tookMs: number;
}

/** Sends arbitrary bytes on a new connection and reads until the server closes it, or sends an answer with
 *  `Connection: close`.
 *  @throws Error the server did not close in time; quotes what it sent */
export async function exchange(url: string, pieces: Pieces, options: ExchangeOptions = {}): Promise<Exchanged> {
  const { timeoutMs = 20_000, halfClose = false } = options;
  const { hostname, port } = new URL(url);
  const began = performance.now();
  const socket = connect({ host: hostname, port: Number(port) });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    // nginx keeps the connection open for a while, in case the client is still sending
    if (isLastAnswer(Buffer.concat(chunks).toString('latin1'))) socket.end();
  });
  socket.on('error', () => {
    // a server that refuses a request may reset a connection that still has bytes for it: what it sent counts
  });
  const closed = new Promise<boolean>((resolve) => socket.once('close', () => resolve(true)));
  const timer = setTimeout(() => socket.destroy(new Error('time-out')), timeoutMs);
  const sent = send(socket, pieces, halfClose);
  await closed;
  clearTimeout(timer);
  await sent;
  const bytes = Buffer.concat(chunks);
  if (socket.errored?.message === 'time-out')
    throw new Error(`the connection stays open after ${JSON.stringify(String(bytes))}`);
  return { bytes, tookMs: performance.now() - began };
}

function isLastAnswer(text: string): boolean {
  const [, head = '', body = ''] = /^(.*?)\r\n\r\n(.*)$/s.exec(text) ?? [];
  const length = /^content-length: (\d+)$/im.exec(head)?.[1];
  return /^connection: close$/im.test(head) && length !== undefined && body.length >= Number(length);
}

async function send(socket: Socket, pieces: Pieces, halfClose: boolean): Promise<void> {
  for await (const piece of pieces) {
    if (socket.destroyed) return;
    if (!socket.write(piece)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => undefined);
  }
  if (halfClose) socket.end();
}
