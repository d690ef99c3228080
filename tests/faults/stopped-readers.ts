import { fileURLToPath } from 'node:url';
import { Child, readSse, type SseEvent } from '@millrace/testing';

const SCRIPT = fileURLToPath(new URL('./stopped-readers.pl', import.meta.url));
/** How many of them read on after the cut. */
const READING = 20;
const READ_MS = 30_000;

/** Clients, in a separate process, that open a stream and then do not read it: the kernel's buffers fill, about 120 KiB
 *  for each. */
export class StoppedReaders implements AsyncDisposable {
  private constructor(private readonly child: Child) {}

  /** Settles when all streams have been requested.
   *  @throws Error a connection was refused, or there is no Perl */
  static async open(url: string, count: number): Promise<StoppedReaders> {
    const { port, pathname } = new URL(url);
    const child = await Child.start({
      command: 'perl',
      args: [SCRIPT, port, pathname, String(count), String(READING)],
    });
    await child.line((line) => line === 'open');
    return new StoppedReaders(child);
  }

  /** Lets some of them read up to the cut. Call it once, after all of them have been cut.
   *  @returns what each of these received: whole events only */
  async rest(): Promise<SseEvent[][]> {
    const { lines, pid } = this.child;
    const before = lines.length;
    process.kill(pid, 'SIGUSR1');
    await this.child.line(() => lines.length >= before + READING, READ_MS);
    return Promise.all(lines.slice(before).map((hex) => eventsOf(Buffer.from(hex, 'hex'))));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.child[Symbol.asyncDispose]();
  }
}

/** @param answer as received, possibly cut anywhere
 *  @throws Error it is not a stream */
async function eventsOf(answer: Buffer): Promise<SseEvent[]> {
  const head = answer.subarray(0, answer.indexOf('\r\n\r\n')).toString('latin1');
  if (!head.startsWith('HTTP/1.1 200 ')) throw new Error(`no stream: ${head}`);
  const body = new Uint8Array(unchunked(answer.subarray(head.length + 4)));
  const stream = await readSse(new Response(body, { headers: { 'content-type': 'text/event-stream' } }));
  return stream.collect();
}

/** @returns the body without its chunk sizes, as far as it arrived */
function unchunked(body: Buffer): Buffer {
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const line = body.indexOf('\r\n', at);
    const size = line === -1 ? 0 : Number.parseInt(body.toString('latin1', at, line), 16);
    if (size === 0) return Buffer.concat(chunks);
    chunks.push(body.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
}
