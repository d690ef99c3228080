import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';

/** Requests that are being answered: a node that stops lets them finish. */
export class InFlight {
  #count = 0;
  #draining = false;

  constructor(fastify: FastifyInstance) {
    fastify.addHook('onRequest', (_request, reply, done) => {
      this.#count += 1;
      reply.raw.once('close', () => {
        this.#count -= 1;
      });
      // no further request is to come on this connection
      if (this.#draining) reply.header('Connection', 'close');
      done();
    });
  }

  /** From now on every answer is the last on its connection. */
  drain(): void {
    this.#draining = true;
  }

  /** Waits until nothing is being answered, but not for ever.
   *  @param graceMs milliseconds */
  async settle(graceMs: number): Promise<void> {
    const deadline = performance.now() + graceMs;
    while (this.#count > 0 && performance.now() < deadline) await sleep(10);
  }
}
