import { RequestTrace, readTraceparent } from '@millrace/telemetry';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { requestIdOf } from './request-id.ts';

/** Ids of recorded traces, by the response of their request. */
const recorded = new WeakMap<FastifyReply['raw'], string>();

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
  if (trace.isRecorded) {
    recorded.set(reply.raw, trace.traceId);
    reply.raw.once('close', () => trace.end(requestIdOf(request, reply), reply.raw.statusCode));
  }
  return trace;
}

/** @returns the id of the trace of this response's request; undefined: it has none, or none that is recorded */
export function recordedTraceOf({ raw }: FastifyReply): string | undefined {
  return recorded.get(raw);
}
