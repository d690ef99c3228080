import { createParser, type EventSourceMessage } from 'eventsource-parser';

/** Longest frame, UTF-16 units. An endless line must not fill the memory. */
const MAX_FRAME_LENGTH = 8 * 1024 * 1024;

/** Longest line outside SSE's fields that is kept whole, UTF-16 units: it may be an error. */
const MAX_STRAY_LINE = 64 * 1024;

/** Parses SSE frames, and the errors that servers write outside them: `error: {…}` as a field, or a bare line of JSON.
 *  SSE ignores such lines, so half an answer would look complete. */
export class FrameParser {
  readonly #parser;
  /** the start of a stray line: the parser would drop it if the rest arrived in a later read */
  #stray = '';
  #isAtLineStart = true;

  /** @param onTooLong called once when a frame exceeds the limit; `feed` must not be called afterwards */
  constructor(onFrame: (frame: EventSourceMessage) => void, onTooLong: () => void) {
    this.#parser = createParser({
      maxBufferSize: MAX_FRAME_LENGTH,
      onEvent: onFrame,
      onError: ({ type, field, value, line }) => {
        if (type === 'max-buffer-size-exceeded') onTooLong();
        if (type !== 'unknown-field') return;
        if (field === 'error') onFrame({ id: undefined, event: 'error', data: value ?? '' });
        else if (line?.startsWith('{')) onFrame({ id: undefined, event: undefined, data: line });
      },
    });
  }

  feed(text: string): void {
    // whole lines: the common case
    if (this.#stray === '' && text.endsWith('\n')) {
      this.#isAtLineStart = true;
      this.#parser.feed(text);
      return;
    }
    const all = this.#stray + text;
    this.#stray = '';
    const strayAt = this.#strayLineAt(all);
    if (strayAt === -1) {
      this.#pass(all);
      return;
    }
    this.#pass(all.slice(0, strayAt));
    this.#stray = all.slice(strayAt);
  }

  /** Ends the input. Some servers omit the empty line after their last event. */
  end(): void {
    this.#pass(`${this.#stray}\n\n`);
    this.#stray = '';
  }

  /** @returns the start of an unfinished stray line, or -1 */
  #strayLineAt(text: string): number {
    if (text.endsWith('\n')) return -1;
    const lineAt = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r')) + 1;
    if (lineAt === 0 && !this.#isAtLineStart) return -1;
    const isStray = text.startsWith('{', lineAt) || 'error:'.startsWith(text.slice(lineAt, lineAt + 'error:'.length));
    return isStray && text.length > lineAt && text.length - lineAt <= MAX_STRAY_LINE ? lineAt : -1;
  }

  #pass(text: string): void {
    if (text === '') return;
    this.#isAtLineStart = text.endsWith('\n') || text.endsWith('\r');
    this.#parser.feed(text);
  }
}
