import { createParser, type EventSourceMessage } from 'eventsource-parser';

/** A line that is no field of SSE is kept whole up to here, UTF-16 units: it may be an error. */
const MAX_STRAY_LINE = 64 * 1024;

/** Reads the frames of a stream, and the errors that servers write beside them: `error: {…}` as a field of its own, or a bare
 *  line of JSON. SSE ignores such lines, so that half an answer would look whole. */
export class FrameParser {
  readonly #parser;
  /** the beginning of a stray line: the parser would drop it where its end comes with a later read */
  #stray = '';
  #isAtLineStart = true;

  constructor(onFrame: (frame: EventSourceMessage) => void) {
    this.#parser = createParser({
      onEvent: onFrame,
      onError: ({ type, field, value, line }) => {
        if (type !== 'unknown-field') return;
        if (field === 'error') onFrame({ id: undefined, event: 'error', data: value ?? '' });
        else if (line?.startsWith('{')) onFrame({ id: undefined, event: undefined, data: line });
      },
    });
  }

  feed(text: string): void {
    // whole lines: the path of nearly all reads
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

  /** Nothing more comes. Some servers leave out the empty line after their last event. */
  end(): void {
    this.#pass(`${this.#stray}\n\n`);
    this.#stray = '';
  }

  /** @returns where a stray line begins that has not ended, -1 where there is none */
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
