import { Server } from 'node:net';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';

/** A turn of the event loop that did next to nothing takes less, milliseconds. */
const IDLE_TURN_MS = 0.1;

/** A node that is busy all the time stops listening all the same after as many turns. */
const MAX_TURNS = 1_000;

export interface SettleOptions {
  /** how long a connection without a request is kept, milliseconds: longer than proxies keep them */
  readonly idleMs: number;
  /** how long a request may take, milliseconds */
  readonly answerMs: number;
}

/** The connections of this node, and the requests that are being answered on them: a node that stops loses none.
 *
 *  A proxy sends a request into an idle connection at any moment, and a POST that meets its end is lost: it may not be
 *  sent again. So it is the proxy that ends them; this side only refuses new ones, which the proxy takes elsewhere. */
export class Connections {
  readonly #server: Server;
  #accepted = 0;
  #open = 0;
  #requests = 0;
  #leaving = false;

  constructor(fastify: FastifyInstance) {
    // one function for all: a listener of its own would be kept with every stream for as long as that is open
    const closed = () => {
      this.#open -= 1;
    };
    const answered = () => {
      this.#requests -= 1;
    };
    this.#server = fastify.server;
    this.#server.on('connection', (socket) => {
      this.#accepted += 1;
      this.#open += 1;
      socket.on('close', closed);
    });
    fastify.addHook('onRequest', (_request, reply, done) => {
      this.#requests += 1;
      reply.raw.on('close', answered);
      // no further request is to come on this connection
      if (this.#leaving) reply.header('Connection', 'close');
      done();
    });
  }

  /** Takes no new connection, and gives those there are one more answer at most. They stay open: HTTP's own `close`
   *  would end the idle ones.
   *  What the kernel has taken in and Node has not yet would be reset: so this waits for a moment when there is none. */
  async stopListening(): Promise<void> {
    this.#leaving = true;
    await turn();
    for (let turns = 0; turns < MAX_TURNS; turns += 1) {
      const [accepted, before] = [this.#accepted, performance.now()];
      await turn();
      if (accepted === this.#accepted && performance.now() - before < IDLE_TURN_MS) break;
    }
    Server.prototype.close.call(this.#server);
  }

  /** Waits until every request has been answered and every connection is gone, but not for ever. */
  async settle({ idleMs, answerMs }: SettleOptions): Promise<void> {
    const since = performance.now();
    const within = (ms: number) => performance.now() - since < ms;
    while ((this.#open > 0 && within(idleMs)) || (this.#requests > 0 && within(idleMs + answerMs))) await sleep(10);
  }
}
