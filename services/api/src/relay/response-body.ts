import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { chunkOf } from './chunk.ts';

/** The most that is handed to the socket at once. More goes in slices: a reader who is slow but alive is told from one
 *  who takes nothing, and Node's own buffer stays this small. */
const SLICE_BYTES = 64 * 1024;

/** The body of one response, written at the reader's pace.
 *
 *  `ServerResponse.write` makes three buffers of what it is given (its length, itself, the end of the line), for each
 *  reader anew. Here they are one, made once for all readers of a job, and it goes to the socket. Head and end of the
 *  answer stay with node:http, and so does a body that has no chunks (HTTP/1.0) or has to wait for its connection. */
export class ResponseBody {
  /** whether something waits that the reader has not had room for */
  isBlocked = false;
  /** whether the head is out: before, the request can still be answered in another way */
  begun = false;
  /** whether the end is out, or on its way */
  ended = false;
  readonly #response: ServerResponse;
  readonly #onRoom: () => void;
  /** where the chunks go; null: all goes through the response */
  #socket: Socket | null = null;
  #rest: Buffer | null = null;

  /** @param onRoom called when the reader has taken what it had no room for */
  constructor(response: ServerResponse, onRoom: () => void) {
    this.#response = response;
    this.#onRoom = onRoom;
  }

  /** whether a part of what was written is still here: the reader has half a frame */
  get isMidway(): boolean {
    return this.#rest !== null;
  }

  /** Sends the head at once, with the first bytes of the body where there are some. */
  begin(headers: OutgoingHttpHeaders, opening: Buffer | null): void {
    const response = this.#response;
    response.writeHead(200, headers);
    this.begun = true;
    if (opening === null) response.flushHeaders();
    else response.write(opening);
    // while another answer is under way on its connection a response has no socket, and keeps what it is given
    if (response.chunkedEncoding) this.#socket = response.socket;
  }

  /** Writes what the reader has room for, and keeps the rest.
   *  @param bytes may be shared with other readers; null: nothing
   *  @returns false when the reader has no room for more */
  write(bytes: Buffer | null): boolean {
    if (bytes !== null) {
      const ready = this.#socket === null ? bytes : chunkOf(bytes);
      this.#rest = this.#rest === null ? ready : Buffer.concat([this.#rest, ready]);
    }
    return !this.isBlocked && this.#writeRest();
  }

  /** Whether bytes would be taken whole and at once: then they may leave in one write with the end. */
  takesWhole(bytes: Buffer | null): bytes is Buffer {
    return bytes !== null && !this.isBlocked && bytes.length <= SLICE_BYTES;
  }

  /** Ends the body cleanly, when nothing of it waits any more. */
  end(lastBytes?: Buffer): void {
    this.ended = true;
    this.#response.end(lastBytes);
  }

  /** No clean end: HTTP/1.1 readers miss the last chunk; to HTTP/1.0 the mere end is clean, so they get a reset. */
  breakOff(): void {
    const { req, socket } = this.#response;
    if (req.httpVersionMinor === 0 && socket !== null) socket.resetAndDestroy();
    else this.#response.destroy();
  }

  /** Lets go of the connection, which is gone, or another's. */
  release(): void {
    this.#rest = null;
    this.#socket = null;
  }

  /** @returns false when the socket is full */
  #writeRest(): boolean {
    while (this.#rest !== null) {
      const slice = this.#rest.length <= SLICE_BYTES ? this.#rest : this.#rest.subarray(0, SLICE_BYTES);
      this.#rest = slice.length < this.#rest.length ? this.#rest.subarray(slice.length) : null;
      if (this.#send(slice)) continue;
      this.isBlocked = true;
      return false;
    }
    return true;
  }

  /** @returns false when there is no room for more; it is then said when there is */
  #send(bytes: Buffer): boolean {
    const socket = this.#socket;
    // a connection that is closing takes nothing more: its end is the next that is heard of it
    const hasRoom = socket === null ? this.#response.write(bytes) : socket.writable && socket.write(bytes);
    if (!hasRoom) (socket ?? this.#response).once('drain', () => this.#drained());
    return hasRoom;
  }

  #drained(): void {
    // the connection may serve its next request by now
    if (this.ended) return;
    this.isBlocked = false;
    if (this.#writeRest()) this.#onRoom();
  }
}
