import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';

/** How much of a refused body is taken all the same, and for how long, milliseconds. */
const MOST_BYTES = 8 * 1024 * 1024;
const MOST_MS = 500;

/** A connection that is closed with a part of a body unread is reset, and the reset may overtake the answer: a proxy
 *  then says that the node is down. So what is left of a refused body is taken first, up to a bound. */
export function takeRefusedBodies(fastify: FastifyInstance): void {
  fastify.addHook('onSend', async (request, reply) => {
    if (reply.getHeader('connection') === 'close' && !request.raw.complete) await discard(request.raw);
  });
}

function discard(body: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let bytes = 0;
    const timer = setTimeout(resolve, MOST_MS);
    const stop = () => {
      clearTimeout(timer);
      resolve();
    };
    body.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) stop();
    });
    body.once('close', stop);
    body.once('end', stop);
    body.resume();
  });
}
