/** An event as the standard dispatches it. */
export interface StandardEvent {
  /** the last event id at that time */
  readonly id: string;
  /** '' if the stream named none */
  readonly event: string;
  readonly data: string;
}

/** The events of a whole stream, by the letter of the standard: what any parser must find, however the bytes arrive.
 *  @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation */
export function interpret(stream: Uint8Array): { events: StandardEvent[]; retries: number[] } {
  const events: StandardEvent[] = [];
  const retries: number[] = [];
  // "decoded using the UTF-8 decode algorithm", which strips one byte order mark
  const lines = new TextDecoder().decode(stream).split(/\r\n|\n|\r/);
  // what follows the last line end is not a line, and an event without a blank line after it is discarded
  lines.pop();
  let [id, event, data] = ['', '', ''];
  let lastId = '';
  for (const line of lines) {
    if (line === '') {
      lastId = id;
      if (data !== '') events.push({ id: lastId, event, data: data.slice(0, -1) });
      [event, data] = ['', ''];
      continue;
    }
    const colon = line.indexOf(':');
    if (colon === 0) continue;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') event = value;
    if (field === 'data') data += `${value}\n`;
    if (field === 'id' && !value.includes('\0')) id = value;
    if (field === 'retry' && /^[0-9]+$/.test(value)) retries.push(Number.parseInt(value, 10));
  }
  return { events, retries };
}
