import { isEventId, type StoredEvent } from '@millrace/contracts';

/** An event whose id, type or data would end its line or its frame and let the rest be read as other fields. */
export class UnframableEvent extends Error {
  override readonly name = 'UnframableEvent';
  readonly code = 'UNFRAMABLE_EVENT';

  /** The message never quotes the event: what is in it may be a prompt. */
  constructor(readonly field: 'id' | 'type' | 'data') {
    super(`the ${field} of an event cannot stand on one line of an SSE frame`);
  }
}

// A closed alphabet and not the closed union: during a rolling deploy the log may hold a newer worker's event types.
const EVENT_NAME = /^[a-z][a-z_]{0,31}$/;
const LINE_BREAKER = /[\r\n\0]/;

/** One event as an SSE frame. Text is unnamed, so that `EventSource.onmessage` receives exactly the answer.
 *  The data is passed on as it is, never parsed.
 *  @throws UnframableEvent CR, LF or NUL in a field
 *  @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 *  @see PROTOCOL.md §3 */
export function sseFrame({ id, type, data }: StoredEvent): string {
  if (!isEventId(id)) throw new UnframableEvent('id');
  if (LINE_BREAKER.test(data)) throw new UnframableEvent('data');
  if (type === 'text') return `id: ${id}\ndata: ${data}\n\n`;
  if (!EVENT_NAME.test(type)) throw new UnframableEvent('type');
  return `id: ${id}\nevent: ${type}\ndata: ${data}\n\n`;
}
