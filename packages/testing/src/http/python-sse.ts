/** An event as Python's readers emit it. */
export interface PythonEvent {
  /** from this block or an earlier one: it is never reset */
  readonly id: string;
  readonly event: string;
  /** '' for a block without data, which openai-python then fails to parse as JSON */
  readonly data: string;
}

/** Reads a stream by the rules of openai-python's `SSEDecoder`, which httpx-sse and LangGraph's client share. They differ
 *  from the standard in one point: a blank line emits an event if *any* field was seen, and an `id:` persists. So a
 *  blank line after a heartbeat or a bare `retry:` is an event without data.
 *  @see https://github.com/openai/openai-python/blob/main/src/openai/_streaming.py */
export function readAsPython(stream: Uint8Array): PythonEvent[] {
  const events: PythonEvent[] = [];
  const lines = new TextDecoder().decode(stream).split(/\r\n|\n|\r/);
  // what follows the last line end is not a line
  lines.pop();
  let [id, event, retry] = ['', '', ''];
  let data: string[] = [];
  for (const line of lines) {
    if (line === '') {
      if (event !== '' || data.length > 0 || id !== '' || retry !== '') {
        events.push({ id, event, data: data.join('\n') });
      }
      [event, retry, data] = ['', '', []];
    } else if (!line.startsWith(':')) {
      const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
      if (field === 'event') event = value;
      else if (field === 'data') data.push(value);
      else if (field === 'id' && !value.includes('\0')) id = value;
      else if (field === 'retry' && /^\d+$/.test(value)) retry = value;
    }
  }
  return events;
}
