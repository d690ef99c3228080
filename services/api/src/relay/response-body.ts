import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { DirectChunks } from './direct-chunks.ts';

/** The most that is handed to the socket at once, bytes. Slices show that a slow reader is alive, and keep Node's own
 *  buffer small. */
const SLICE_BYTES = 64 * 1024;

/** The body of one response, written at the reader's pace. Its chunks go to the socket, see {@link DirectChunks}; head and
 *  end stay with node:http. */
export class ResponseBody {
  /** whether bytes wait that the reader has no room for */
  isBlocked = false;
  /** whether the head is out. Until then the request can still be answered differently */
  begun = false;
  /** whether the end is out, or on its way */
  ended = false;
  readonly #response: ServerResponse;
  readonly #chunks: DirectChunks;
  readonly #onRoom: () => void;
  /** where the chunks go; null: through the response */
  #socket: Socket | null = null;
  #rest: Buffer | null = null;

  /** @param onRoom called when a blocked reader has room again */
  constructor(response: ServerResponse, chunks: DirectChunks, onRoom: () => void) {
    this.#response = response;
    this.#chunks = chunks;
    this.#onRoom = onRoom;
  }

  /** whether a part of the written bytes still waits here, so that the reader has half a frame */
  get isMidway(): boolean {
    return this.#rest !== null;
  }

  /** Sends the head at once, with the first bytes of the body if there are any. */
  begin(headers: OutgoingHttpHeaders, opening: Buffer | null): void {
    const response = this.#response;
    response.writeHead(200, headers);
    this.begun = true;
    if (opening === null) response.flushHeaders();
    else response.write(opening);
    // Node from 24.22 on keeps the first chunk, and the head with it, until the next tick
    while (response.writableCorked > 0) response.uncork();
    this.#socket = this.#chunks.socketOf(response);
  }

  /** Writes what the reader has room for, and keeps the rest.
   *  @param bytes may be shared with other readers; null: nothing
   *  @returns false if the reader has no room for more */
  write(bytes: Buffer | null): boolean {
    if (bytes !== null) {
      const ready = this.#socket === null ? bytes : this.#chunks.frame(bytes);
      this.#rest = this.#rest === null ? ready : Buffer.concat([this.#rest, ready]);
    }
    return !this.isBlocked && this.#writeRest();
  }

  /** Whether the bytes fit whole and at once, so that they can leave in one write with the end. */
  takesWhole(bytes: Buffer | null): bytes is Buffer {
    return bytes !== null && !this.isBlocked && bytes.length <= SLICE_BYTES;
  }

  /** Ends the body cleanly. Nothing of it may wait any more. */
  end(lastBytes?: Buffer): void {
    this.ended = true;
    this.#response.end(lastBytes);
  }

  /** Ends the body without a clean end. HTTP/1.1 readers miss the last chunk. HTTP/1.0 readers take any end for a clean one,
   *  so they get a reset. */
  breakOff(): void {
    const { req, socket } = this.#response;
    if (req.httpVersionMinor === 0 && socket !== null) socket.resetAndDestroy();
    else this.#response.destroy();
  }

  /** Lets go of the connection, which is gone or serves another response. */
  release(): void {
    this.#rest = null;
    this.#socket = null;
  }

  /** @returns false if the socket is full */
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

  /** @returns false if there is no room for more. `#drained` is called when there is */
  #send(bytes: Buffer): boolean {
    const socket = this.#socket;
    // a closing connection accepts nothing, and its `close` follows
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
