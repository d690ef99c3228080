import type { FastifyInstance } from 'fastify';
import { InvalidRequest } from '../http/problem.ts';
import { httpProblem } from '../http/to-problem.ts';
import { oversizeOf } from './json-shape.ts';

/** Routes whose clients send JSON without saying so: one of theirs posts it as `text/plain`. */
const JSON_OF_ANY_TYPE = new Set<string | undefined>(['/api/chat']);

/** Parses JSON bodies; any other type is 415. An empty body is no body, whatever its type: many clients announce JSON
 *  on DELETE. */
export function acceptOnlyJson(fastify: FastifyInstance): void {
  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (JSON_OF_ANY_TYPE.has(request.routeOptions.url)) request.raw.headers['content-type'] = 'application/json';
    done();
  });
  // invalid UTF-8 is refused (RFC 8259 §8.1): a prompt must not change silently
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, bytes: Buffer, done) => {
    if (bytes.length === 0) {
      done(null, undefined);
      return;
    }
    try {
      void parse(request, utf8.decode(bytes), (error, body: unknown) => {
        // here, not in a pipe: no route may look at a body without bounds
        const oversize = error === null ? oversizeOf(body) : null;
        done(oversize === null ? error : new InvalidRequest(oversize), body);
      });
    } catch {
      done(httpProblem(400));
    }
  });
}
