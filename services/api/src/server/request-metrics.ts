import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../health/metrics.ts';

/** Measures how long requests take. Streams are left out. */
export function installRequestMetrics(fastify: FastifyInstance, metrics: Metrics): void {
  fastify.addHook('onResponse', (request, reply, done) => {
    const isStream = reply.getHeader('x-accel-buffering') === 'no';
    const route = request.routeOptions.url ?? 'none';
    if (!isStream) metrics.answered(request.method, route, reply.statusCode, reply.elapsedTime);
    done();
  });
}
