import { isEventId, type StoredEvent } from '@millrace/contracts';
import { UnframableEvent } from '../stream-format.ts';

const LINE_BREAKER = /[\r\n\0]/;
const EVENT_NAME = /^[a-z][a-z_]{0,31}$/;

/** Events as a JSON array on one line: `[{"id":"1-2","type":"text","data":{"text":" tok"}}]`. The data is copied unchanged.
 *  @throws UnframableEvent an event would break out of its item, which only a corrupt log has */
export function itemsJson(events: readonly StoredEvent[]): string {
  let json = '';
  for (const { id, type, data } of events) {
    if (!isEventId(id)) throw new UnframableEvent('id');
    if (LINE_BREAKER.test(data)) throw new UnframableEvent('data');
    json += json === '' ? '[{"id":"' : '},{"id":"';
    if (type === 'text') {
      json += `${id}","type":"text","data":${data}`;
    } else {
      if (!EVENT_NAME.test(type)) throw new UnframableEvent('type');
      json += `${id}","type":"${type}","data":${data}`;
    }
  }
  return json === '' ? '[]' : `${json}}]`;
}
