import type { OutgoingHttpHeaders } from 'node:http';
import type { FastifyReply } from 'fastify';
import { streamHeaders } from '../relay/stream-connection.ts';
import type { ExpiringStream } from '../relay/stream-deadlines.ts';

/** An SSE answer of whole states, each of which replaces the last: a slow reader misses some, and nothing grows for it. */
export class LiveAnswer implements ExpiringStream {
  readonly #reply: FastifyReply;
  #isOver = false;

  /** Sends the headers.
   *  @param onClose called once, when the reader has gone or the answer has ended */
  constructor(reply: FastifyReply, onClose: () => void) {
    this.#reply = reply;
    reply.raw.on('close', () => {
      this.#isOver = true;
      onClose();
    });
    reply.hijack();
    reply.headers(streamHeaders({ contentType: 'text/event-stream' }));
    reply.raw.writeHead(200, reply.getHeaders() as OutgoingHttpHeaders);
    reply.raw.flushHeaders();
  }

  /** @param frame is left out if the reader still has an earlier one to take */
  send(frame: Buffer): void {
    if (!this.#isOver && !this.#reply.raw.writableNeedDrain) this.#reply.raw.write(frame);
  }

  /** Ends the answer; the reader may come back. */
  end(frame?: Buffer): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#reply.raw.end(frame);
  }

  expire(): void {
    this.end();
  }
}

/** @param data is written as one line of JSON */
export function sseFrame(event: string, data: unknown): Buffer {
  return Buffer.from(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
