import type { LogPosition, StreamFormat } from '@millrace/protocols';
import type { FastifyRequest } from 'fastify';
import { InvalidCursor } from '../http/problem.ts';

/** Where a reader resumes: from the header, or from the query for clients that cannot set headers. The header
 *  wins: an `EventSource` that reconnects sends a newer id than the one in its address.
 *  @returns null: from the beginning
 *  @throws InvalidCursor
 *  @see PROTOCOL.md §4 */
export function cursorOf(request: FastifyRequest, format: StreamFormat): LogPosition | null {
  const query = request.query as { lastEventId?: unknown };
  const given = request.headers['last-event-id'] ?? query.lastEventId;
  // an EventSource sends no header without a last id, or an empty one after a reset
  if (given === undefined || given === '') return null;
  const position = typeof given === 'string' ? format.positionOf(given) : null;
  if (position === null) throw new InvalidCursor();
  return position;
}
