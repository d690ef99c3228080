import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';

/** The most that is handed to a connection at once. A reader who is slow but alive is told from one who takes nothing by
 *  the slices that it has taken. */
const SLICE_BYTES = 64 * 1024;

/** Writes large answers that are there as a whole, a list for instance, slice by slice at the reader's pace. */
export function sliceLargeAnswers(fastify: FastifyInstance): void {
  fastify.addHook('onSend', (request, reply, payload, done) => {
    const isWhole = typeof payload === 'string' || Buffer.isBuffer(payload);
    // a string has at least as many bytes as it has code units
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
