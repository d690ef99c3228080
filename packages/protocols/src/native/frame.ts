import { isEventId, type StoredEvent } from '@millrace/contracts';
import { UnframableEvent } from '../stream-format.ts';

// A closed alphabet, not the closed union: during a rolling deploy the log may hold a newer worker's event types.
const EVENT_NAME = /^[a-z][a-z_]{0,31}$/;
const LINE_BREAKER = /[\r\n\0]/;

/** One event as an SSE frame. Text is unnamed, so that `EventSource.onmessage` receives exactly the answer.
 *  The data is passed on unchanged, never parsed.
 *  @param prefix stands before the event's id; has no CR, LF or NUL
 *  @throws UnframableEvent CR, LF or NUL in a field
 *  @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 *  @see PROTOCOL.md §3 */
export function sseFrame({ id, type, data }: StoredEvent, prefix = ''): string {
  if (!isEventId(id)) throw new UnframableEvent('id');
  if (LINE_BREAKER.test(data)) throw new UnframableEvent('data');
  if (type === 'text') return `id: ${prefix}${id}\ndata: ${data}\n\n`;
  if (!EVENT_NAME.test(type)) throw new UnframableEvent('type');
  return `id: ${prefix}${id}\nevent: ${type}\ndata: ${data}\n\n`;
}
