import { RequestTrace, readTraceparent } from '@millrace/telemetry';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { requestIdOf } from './request-id.ts';

/** Begins the trace of a request that makes a job, or attaches to one. It ends with the response.
 *  @param job trace context of the job that it attaches to; undefined: it makes one */
export function traceRequest(request: FastifyRequest, reply: FastifyReply, job?: string | null): RequestTrace {
  const { method, routeOptions, headers } = request;
  const trace = new RequestTrace(
    {
      ...{ method, route: routeOptions.url ?? 'none', elapsedMs: reply.elapsedTime },
      traceparent: readTraceparent(headers['traceparent']),
    },
    job,
  );
  if (trace.isRecorded) reply.raw.once('close', () => trace.end(requestIdOf(request, reply), reply.raw.statusCode));
  return trace;
}
