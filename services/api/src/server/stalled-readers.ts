import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** How often to check for stalled readers, milliseconds. */
const TICK_MS = 1_000;

/** Connections that were broken off because their reader took nothing. */
const brokenOff = new WeakSet<Socket>();

/** Whether a connection was broken off because its reader took nothing. */
export function tookNothing(socket: Socket): boolean {
  return brokenOff.has(socket);
}

/** What a reader has taken so far, and for how many checks it has taken nothing more. */
interface Wait {
  readonly takenBytes: number;
  readonly checks: number;
}

/** Breaks off every connection, whatever its route, whose reader takes nothing for a while although something waits for it
 *  (law 10). One timer for all of them.
 *
 *  Checks are counted, not the clock: a process that was held up itself looks at late readers with no less patience. */
export class StalledReaders {
  readonly #sockets = new Set<Socket>();
  /** those that something waits for */
  readonly #waits = new Map<Socket, Wait>();
  readonly #tickMs: number;
  readonly #mostChecks: number;
  readonly #left: (this: Socket) => void;
  #timer: NodeJS.Timeout | null = null;

  /** @param stallMs how long a reader may take nothing, milliseconds */
  constructor(fastify: FastifyInstance, stallMs: number) {
    this.#tickMs = Math.min(TICK_MS, stallMs);
    this.#mostChecks = Math.ceil(stallMs / this.#tickMs);
    const leave = (socket: Socket) => this.#leave(socket);
    // one function for all: thousands of connections keep it
    this.#left = function (this: Socket) {
      leave(this);
    };
    // by request, not by connection: Fastify may listen with several servers
    fastify.addHook('onRequest', (request, _reply, done) => {
      this.#watch(request.raw.socket);
      done();
    });
  }

  #watch(socket: Socket): void {
    if (this.#sockets.has(socket) || socket.destroyed) return;
    this.#sockets.add(socket);
    socket.on('close', this.#left);
    this.#timer ??= setInterval(() => this.#check(), this.#tickMs);
  }

  #leave(socket: Socket): void {
    this.#sockets.delete(socket);
    this.#waits.delete(socket);
    if (this.#sockets.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #check(): void {
    for (const socket of this.#sockets) {
      if (socket.writableLength === 0) this.#waits.delete(socket);
      else this.#checkWaiting(socket);
    }
  }

  #checkWaiting(socket: Socket): void {
    // what has been handed over so far, less what of it is still here
    const takenBytes = (socket.bytesWritten ?? 0) - socket.writableLength;
    const wait = this.#waits.get(socket);
    const checks = wait?.takenBytes === takenBytes ? wait.checks + 1 : 0;
    if (checks >= this.#mostChecks) breakOff(socket);
    else this.#waits.set(socket, { takenBytes, checks });
  }
}

function breakOff(socket: Socket): void {
  brokenOff.add(socket);
  // a reset, so that the kernel does not keep megabytes for a reader who may never take them; libuv refuses one to a
  // connection whose end is on its way
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
