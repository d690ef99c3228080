import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';

/** The most that is handed to a connection at once, bytes. A reader shows that it is alive by taking slices, however
 *  slowly. */
const SLICE_BYTES = 64 * 1024;

/** Writes large answers that are complete in memory, such as lists, in slices at the reader's pace. */
export function sliceLargeAnswers(fastify: FastifyInstance): void {
  fastify.addHook('onSend', (request, reply, payload, done) => {
    const isWhole = typeof payload === 'string' || Buffer.isBuffer(payload);
    // a string has at least as many bytes as code units
    if (!isWhole || payload.length <= SLICE_BYTES || request.method === 'HEAD') {
      done(null, payload);
      return;
    }
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    reply.header('Content-Length', bytes.length);
    done(null, Readable.from(slicesOf(bytes), { objectMode: false }));
  });
}

function* slicesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) yield bytes.subarray(at, at + SLICE_BYTES);
}
