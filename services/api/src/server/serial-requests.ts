import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** Requests that may wait on one connection for their turn. Node reads a thousand of them from one packet. */
const MOST_WAITING = 64;

/** Answers the requests of a connection one after the other. Node would begin them all, and keep each answer until those
 *  before it have been read: forty answers of megabytes for one reader who takes none. */
export class AnswersInTurn {
  /** what is being answered */
  readonly #current = new WeakMap<Socket, FastifyRequest>();
  /** how to begin the requests that wait behind it, in their order */
  readonly #waiting = new WeakMap<Socket, (() => void)[]>();
  readonly #answered: (this: ServerResponse) => void;

  constructor() {
    const next = (socket: Socket, response: ServerResponse) => this.#next(socket, response);
    // one function for all: thousands of streams keep it
    this.#answered = function (this: ServerResponse) {
      next(this.req.socket, this);
    };
  }

  /** The request that is being answered on a connection. */
  current(socket: Socket): FastifyRequest | undefined {
    return this.#current.get(socket);
  }

  /** To be installed before all other hooks: what waits has not begun. */
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
    else if (waiting.length < MOST_WAITING) waiting.push(begin);
    else socket.destroy(); // nobody asks so much at a time and means well
  }

  #next(socket: Socket, answered: ServerResponse): void {
    if (this.#current.get(socket)?.raw !== answered.req) return;
    this.#current.delete(socket);
    // where the connection ends with this answer, what waits has not been asked
    if (socket.writable) this.#waiting.get(socket)?.shift()?.();
    else this.#waiting.delete(socket);
  }
}
