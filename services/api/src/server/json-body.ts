import type { FastifyInstance } from 'fastify';
import { InvalidRequest } from '../http/problem.ts';
import { httpProblem } from '../http/to-problem.ts';
import { oversizeOf } from './json-shape.ts';

/** Anything but JSON is 415. No body at all is none, whatever its announced type: many clients announce JSON on DELETE. */
export function takeOnlyJson(fastify: FastifyInstance): void {
  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  // what is no UTF-8 is refused (RFC 8259 §8.1): a prompt is not to be changed in silence
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, bytes: Buffer, done) => {
    if (bytes.length === 0) {
      done(null, undefined);
      return;
    }
    try {
      void parse(request, utf8.decode(bytes), (error, body: unknown) => {
        // here and not in a pipe: no route may look into a body that has not been bounded
        const oversize = error === null ? oversizeOf(body) : null;
        done(oversize === null ? error : new InvalidRequest(oversize), body);
      });
    } catch {
      done(httpProblem(400));
    }
  });
}
