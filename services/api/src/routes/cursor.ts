import type { LogPosition } from '@millrace/protocols';
import type { FastifyRequest } from 'fastify';
import { InvalidCursor } from '../http/problem.ts';

interface CursorFormat<P extends LogPosition> {
  positionOf(cursor: string): P | null;
}

/** Where a reader resumes: from the header, or from the query for clients that cannot set headers. The header
 *  wins: an `EventSource` that reconnects sends a newer id than the one in its address.
 *  @returns null: from the beginning
 *  @throws InvalidCursor
 *  @see PROTOCOL.md §4 */
export function cursorOf<P extends LogPosition>(request: FastifyRequest, format: CursorFormat<P>): P | null {
  const query = request.query as { lastEventId?: unknown };
  const given = request.headers['last-event-id'] ?? query.lastEventId;
  // an EventSource sends no header without a last id, or an empty one after a reset
  if (given === undefined || given === '') return null;
  const position = typeof given === 'string' ? format.positionOf(given) : null;
  if (position === null) throw new InvalidCursor();
  return position;
}
