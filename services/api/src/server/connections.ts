import { Server } from 'node:net';
import { setTimeout as sleep, setImmediate as tick } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';

/** A tick of the event loop that takes less had next to nothing to do, milliseconds. */
const IDLE_TICK_MS = 0.1;

/** A node that is always busy stops listening after this many ticks anyway. */
const MAX_TICKS = 1_000;

export interface SettleOptions {
  /** how long to keep a connection without a request, milliseconds: longer than proxies keep them */
  readonly idleMs: number;
  /** how long a request may take, milliseconds */
  readonly answerMs: number;
}

/** The connections of this node and the requests on them, so that a node that stops loses none.
 *
 *  A proxy may send a request into an idle connection at any moment. A POST that meets the end of its connection is lost,
 *  because it must not be sent again. So the proxy closes its connections; this side only refuses new ones, which the
 *  proxy opens elsewhere. */
export class Connections {
  readonly #server: Server;
  #accepted = 0;
  #open = 0;
  #requests = 0;
  #leaving = false;

  constructor(fastify: FastifyInstance) {
    // functions shared by all: a closure for each would stay as long as its stream
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
      // no further request may follow on this connection
      if (this.#leaving) reply.header('Connection', 'close');
      done();
    });
  }

  /** Refuses new connections, and lets each open one have one more answer. Open connections stay: `close` of HTTP would
   *  end the idle ones, so this calls that of TCP.
   *  Connections that the kernel has accepted and Node has not would be reset, so this waits until there are none. */
  async stopListening(): Promise<void> {
    this.#leaving = true;
    await tick();
    for (let ticks = 0; ticks < MAX_TICKS; ticks += 1) {
      const [accepted, before] = [this.#accepted, performance.now()];
      await tick();
      if (accepted === this.#accepted && performance.now() - before < IDLE_TICK_MS) break;
    }
    Server.prototype.close.call(this.#server);
  }

  /** Waits until all requests are answered and all connections are gone, within the given times. */
  async settle({ idleMs, answerMs }: SettleOptions): Promise<void> {
    const since = performance.now();
    const within = (ms: number) => performance.now() - since < ms;
    while ((this.#open > 0 && within(idleMs)) || (this.#requests > 0 && within(idleMs + answerMs))) await sleep(10);
  }
}
