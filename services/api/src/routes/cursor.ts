import { type EventId, isEventId } from '@millrace/contracts';
import type { FastifyRequest } from 'fastify';
import { InvalidCursor } from '../http/problem.ts';

/** The event after which a reader wants to go on: the header, or the query for clients that cannot set one.
 *  The header wins: an `EventSource` that reconnects sends a newer one than its address was made with.
 *  @throws InvalidCursor
 *  @see PROTOCOL.md §4 */
export function cursorOf(request: FastifyRequest): EventId | null {
  const query = request.query as { lastEventId?: unknown };
  const given = request.headers['last-event-id'] ?? query.lastEventId;
  // an EventSource without a last id sends none; one that was reset may send an empty one
  if (given === undefined || given === '') return null;
  if (typeof given === 'string' && isEventId(given)) return given;
  throw new InvalidCursor();
}
