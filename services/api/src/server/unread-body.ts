import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';

/** The most of a refused body that is read, bytes. */
const MAX_BYTES = 8 * 1024 * 1024;
/** The longest time that it is read for, milliseconds. */
const MAX_MS = 500;

/** Reads the rest of a refused body, up to a bound, before its connection closes. Closing with unread data resets the
 *  connection, and the reset may overtake the answer: a proxy would then report the node as down. */
export function drainRefusedBodies(fastify: FastifyInstance): void {
  fastify.addHook('onSend', async (request, reply) => {
    if (reply.getHeader('connection') === 'close' && !request.raw.complete) await drain(request.raw);
  });
}

function drain(body: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let bytes = 0;
    const timer = setTimeout(resolve, MAX_MS);
    const stop = () => {
      clearTimeout(timer);
      resolve();
    };
    body.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_BYTES) stop();
    });
    body.once('close', stop);
    body.once('end', stop);
    body.resume();
  });
}
