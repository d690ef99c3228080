import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** How often to check for stalled readers, milliseconds. */
const CHECK_MS = 1_000;

/** How much a reader has taken so far, and how many checks have passed since it last took something. */
interface Wait {
  readonly takenBytes: number;
  readonly checks: number;
}

/** Disconnects every reader, on any route, that takes nothing for a while although data waits for it (law 10). One timer
 *  serves all connections.
 *
 *  It counts checks, not time: a process that was itself held up gives late readers just as long. */
export class StalledReaders {
  readonly #sockets = new Set<Socket>();
  /** connections with data waiting */
  readonly #waits = new Map<Socket, Wait>();
  readonly #disconnected = new WeakSet<Socket>();
  readonly #checkMs: number;
  readonly #maxChecks: number;
  readonly #closed: (this: Socket) => void;
  #timer: NodeJS.Timeout | null = null;

  /** @param stallMs how long a reader may take nothing, milliseconds */
  constructor(stallMs: number) {
    this.#checkMs = Math.min(CHECK_MS, stallMs);
    this.#maxChecks = Math.ceil(stallMs / this.#checkMs);
    const remove = (socket: Socket) => this.#remove(socket);
    // one function shared by all: thousands of connections hold it
    this.#closed = function (this: Socket) {
      remove(this);
    };
  }

  install(fastify: FastifyInstance): void {
    // on requests, not on connections: Fastify may listen with several servers
    fastify.addHook('onRequest', (request, _reply, done) => {
      this.#add(request.raw.socket);
      done();
    });
  }

  /** Whether this guard ended a connection because its reader took nothing. */
  hasDisconnected(socket: Socket): boolean {
    return this.#disconnected.has(socket);
  }

  #add(socket: Socket): void {
    if (this.#sockets.has(socket) || socket.destroyed) return;
    this.#sockets.add(socket);
    socket.on('close', this.#closed);
    this.#timer ??= setInterval(() => this.#checkAll(), this.#checkMs);
  }

  #remove(socket: Socket): void {
    this.#sockets.delete(socket);
    this.#waits.delete(socket);
    if (this.#sockets.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #checkAll(): void {
    for (const socket of this.#sockets) {
      if (socket.writableLength === 0) this.#waits.delete(socket);
      else this.#check(socket);
    }
  }

  #check(socket: Socket): void {
    // bytes handed to the socket, less those it still holds
    const takenBytes = (socket.bytesWritten ?? 0) - socket.writableLength;
    const wait = this.#waits.get(socket);
    const checks = wait?.takenBytes === takenBytes ? wait.checks + 1 : 0;
    if (checks >= this.#maxChecks) this.#disconnect(socket);
    else this.#waits.set(socket, { takenBytes, checks });
  }

  #disconnect(socket: Socket): void {
    this.#disconnected.add(socket);
    // a reset, so that the kernel does not hold megabytes for a reader who may never take them; libuv refuses to reset a
    // connection that is already ending
    if (socket.writableEnded) socket.destroy();
    else socket.resetAndDestroy();
  }
}
