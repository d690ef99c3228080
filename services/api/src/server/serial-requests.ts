import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** The most requests that may wait on one connection. Node reads a thousand of them from one packet. */
const MAX_WAITING = 64;

/** Handles the pipelined requests of a connection one after the other. Node would start them all at once and keep each
 *  answer until the earlier ones are read: forty answers of megabytes for one reader who takes none. */
export class SerialRequests {
  /** the request that each connection is answering */
  readonly #current = new WeakMap<Socket, FastifyRequest>();
  /** how to start the requests that wait behind it, in order */
  readonly #waiting = new WeakMap<Socket, (() => void)[]>();
  readonly #answered: (this: ServerResponse) => void;

  constructor() {
    const next = (socket: Socket, response: ServerResponse) => this.#next(socket, response);
    // one function shared by all: thousands of streams hold it
    this.#answered = function (this: ServerResponse) {
      next(this.req.socket, this);
    };
  }

  /** The request that a connection is answering. */
  current(socket: Socket): FastifyRequest | undefined {
    return this.#current.get(socket);
  }

  /** Must be installed before all other hooks: a waiting request must not start. */
  install(fastify: FastifyInstance): void {
    fastify.addHook('onRequest', (request, reply, done) => {
      const { socket } = request.raw;
      const begin = () => {
        this.#current.set(socket, request);
        reply.raw.on('close', this.#answered);
        done();
      };
      if (this.#current.has(socket)) this.#wait(socket, begin);
      else begin();
    });
  }

  #wait(socket: Socket, begin: () => void): void {
    const waiting = this.#waiting.get(socket);
    if (waiting === undefined) this.#waiting.set(socket, [begin]);
    else if (waiting.length < MAX_WAITING) waiting.push(begin);
    else socket.destroy(); // no honest client sends so many at once
  }

  #next(socket: Socket, answered: ServerResponse): void {
    if (this.#current.get(socket)?.raw !== answered.req) return;
    this.#current.delete(socket);
    // if the connection ends with this answer, the waiting requests are dropped
    if (socket.writable) this.#waiting.get(socket)?.shift()?.();
    else this.#waiting.delete(socket);
  }
}
