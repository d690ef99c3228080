import type { FastifyRequest } from 'fastify';

/** Version 00, or the part of a later version that version 00 understands. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?=$|-)/;

/** The trace context of a request.
 *  @returns undefined without a valid one: an invalid header is ignored
 *  @see https://www.w3.org/TR/trace-context/#traceparent-header */
export function traceparentOf(request: Pick<FastifyRequest, 'headers'>): string | undefined {
  const given = request.headers['traceparent'];
  return typeof given === 'string' ? TRACEPARENT.exec(given)?.[0] : undefined;
}
