import type { FastifyInstance } from 'fastify';
import { installRequestIds } from '../http/request-id.ts';

/** Gives every answer its id, and the headers that keep browsers and caches from misusing it. */
export function installResponseHeaders(fastify: FastifyInstance): void {
  installRequestIds(fastify);
  fastify.addHook('onRequest', (request, reply, done) => {
    // plain text comes from a model: no browser may guess that it is a page
    reply.header('X-Content-Type-Options', 'nosniff');
    // a job changes until its end and belongs to one tenant; streams say more (PROTOCOL.md §2)
    if (/^\/(jobs|api|v1|langgraph|ag-ui|console|workers|queue)\b/.test(request.url))
      reply.header('Cache-Control', 'no-store');
    done();
  });
}
