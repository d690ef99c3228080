import { connect, type Socket } from 'node:net';
import { deferred } from '@millrace/testing';

const HEARTBEAT = ': hb\n';
const POST = '{"query":"idle"}';

/** A reader of a stream on a bare socket, cheap enough for ten thousand of them: it counts, and keeps nothing. */
export class RawReader implements Disposable {
  /** heartbeats so far */
  beats = 0;
  private head = '';
  private readonly opened = deferred();

  private constructor(private readonly socket: Socket) {
    socket.on('data', (bytes) => this.take(bytes.toString('latin1')));
    socket.on('error', this.opened.reject);
    socket.on('close', () => this.opened.reject(new Error(`no stream: ${this.head}`)));
  }

  /** Creates a job and keeps its stream open; settles at the first event.
   *  @throws Error there was no stream; quotes the answer */
  static async open(port: number): Promise<RawReader> {
    const reader = new RawReader(connect(port, '127.0.0.1'));
    reader.socket.write(
      [
        'POST /jobs HTTP/1.1',
        'Host: localhost',
        'Accept: text/event-stream',
        'Content-Type: application/json',
        `Content-Length: ${POST.length}`,
        '',
        POST,
      ].join('\r\n'),
    );
    await reader.opened.promise;
    return reader;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  private take(text: string): void {
    if (this.head !== '' || !text.includes('event: accepted')) this.head += text;
    if (text.includes('event: accepted') || this.head.includes('event: accepted')) {
      this.head = '';
      this.opened.resolve();
    }
    if (text.includes(HEARTBEAT)) this.beats += 1;
  }
}

/** Opens many readers, a bounded number at once. */
export async function openMany<T>(count: number, open: (index: number) => Promise<T>, atOnce = 50): Promise<T[]> {
  const opened: T[] = [];
  let next = 0;
  const one = async () => {
    for (let index = next++; index < count; index = next++) opened.push(await open(index));
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return opened;
}
