import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../health/metrics.ts';
import { refusalOf } from '../http/refusals.ts';

/** Measures how long requests take, and counts those that were refused for want of room. Streams are left out. */
export function installRequestMetrics(fastify: FastifyInstance, metrics: Metrics): void {
  fastify.addHook('onResponse', (request, reply, done) => {
    const isStream = reply.getHeader('x-accel-buffering') === 'no';
    const route = request.routeOptions.url ?? 'none';
    const { statusCode } = reply;
    const code = refusalOf(request);
    if (code !== undefined) metrics.answeredWith(code);
    if (statusCode === 429 || statusCode === 503) metrics.refused(request.caller?.tenant, statusCode);
    if (!isStream) metrics.answered(request.method, route, statusCode, reply.elapsedTime);
    done();
  });
}
