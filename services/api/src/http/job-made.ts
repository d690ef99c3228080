import type { FastifyRequest } from 'fastify';

const makers = new WeakSet<FastifyRequest>();

/** Must be called before a request records a job: from then on a client that repeats the request may start a second one. */
export function noteJobMade(request: FastifyRequest): void {
  makers.add(request);
}

/** Whether the request has made a job, or may have. */
export function hasMadeJob(request: FastifyRequest): boolean {
  return makers.has(request);
}
