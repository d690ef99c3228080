import { createInterface } from 'node:readline/promises';
import type { ReadStream, WriteStream } from 'node:tty';
import { styleText } from 'node:util';
import Table from 'cli-table3';
import { createMarkdownStreamer, createRenderer } from 'markdansi';
import { PlainText, plain, plainJson, plainLine, plainRendered } from './plain.ts';

type Style = Parameters<typeof styleText>[0];

/** A text in a style, where the terminal shows styles. */
export interface Styled {
  readonly style: Style;
  readonly text: string;
}

export const styled = (style: Style, text: string): Styled => ({ style, text });

/** Columns of a table: their heads, and what stands in each of a row. */
export type Columns<T> = Readonly<Record<string, (row: T) => string | number | null | undefined>>;

/** What writes an answer as it comes. */
export interface AnswerWriter {
  write(piece: string): void;
  /** a new attempt says it again */
  restart(): void;
  end(): void;
}

/** Where a command reads and writes: answers and data on `out`, everything about them on `err`. Whatever is written may hold words
 *  of others, so all of it is written without what would steer the terminal; only an answer into a pipe is left as it is. */
export class Terminal {
  #lines: AsyncIterator<string> | null = null;

  constructor(
    readonly input: ReadStream | NodeJS.ReadableStream,
    readonly out: WriteStream | NodeJS.WritableStream,
    readonly err: WriteStream | NodeJS.WritableStream,
  ) {}

  /** a person reads it, and can be asked */
  get isInteractive(): boolean {
    return isTty(this.input) && isTty(this.err);
  }

  get isOutTty(): boolean {
    return isTty(this.out);
  }

  /** One line of progress. */
  note(text: string): void {
    this.err.write(`${this.style('dim', plain(text))}\n`);
  }

  problem(text: string): void {
    this.err.write(`${this.style('red', 'error:')} ${plain(text)}\n`);
  }

  line(...parts: readonly (string | Styled)[]): void {
    const shown = parts.map((part) =>
      typeof part === 'string' ? plain(part) : this.style(part.style, plain(part.text), 'out'),
    );
    this.out.write(`${shown.join('')}\n`);
  }

  /** @param indent spaces for each level; 0: all on one line */
  json(value: unknown, indent = 0): void {
    this.line(plainJson(value, indent));
  }

  /** What a program has written about its own command line. */
  own(text: string, stream: 'out' | 'err'): void {
    this[stream].write(plain(text));
  }

  /** The text with colours, where `stream` shows them; `NO_COLOR`, `NODE_DISABLE_COLORS` and `FORCE_COLOR` count. It is for words
   *  of this program alone. */
  style(style: Style, text: string, stream: 'out' | 'err' = 'err'): string {
    return styleText(style, text, { stream: this[stream], validateStream: true });
  }

  /** Rows as an aligned table: with colours for a person, with the same columns for a script. */
  table<T>(rows: readonly T[], columns: Columns<T>): void {
    const heads = Object.keys(columns);
    const table = new Table({
      chars: NO_LINES,
      style: { 'padding-left': 0, 'padding-right': 2, head: [], border: [] },
      head: heads.map((head) => this.style('bold', head, 'out')),
    });
    for (const row of rows) table.push(heads.map((head) => plainLine(String(columns[head]?.(row) ?? '—'))));
    for (const text of table.toString().split('\n')) this.out.write(`${text.trimEnd()}\n`);
  }

  /** Markdown for a person, the bare text for a pipe. */
  answer(): AnswerWriter {
    return this.isOutTty ? new MarkdownAnswer(this) : new BareAnswer(this);
  }

  /** Clears the screen for the next picture of something that changes. */
  clear(): void {
    if (this.isOutTty) this.out.write('\u001b[H\u001b[2J\u001b[3J');
  }

  /** Asks a person for one line, or reads the next line of what is piped in.
   *  @returns null: there is no more */
  async ask(prompt: string): Promise<string | null> {
    if (!this.isInteractive) return await this.#nextPipedLine();
    // one for each question: while it is open, Ctrl-C does not reach the process
    const reader = createInterface({ input: this.input, output: this.err });
    const closed = new AbortController();
    reader.once('close', () => closed.abort());
    try {
      return await reader.question(plain(prompt), { signal: closed.signal });
    } catch {
      return null; // Ctrl-D, or Ctrl-C
    } finally {
      reader.close();
    }
  }

  async #nextPipedLine(): Promise<string | null> {
    this.#lines ??= createInterface({ input: this.input })[Symbol.asyncIterator]();
    const { done, value } = await this.#lines.next();
    return done === true ? null : value;
  }
}

const NO_LINES = Object.fromEntries(
  ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right']
    .concat(['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'])
    .map((name) => [name, '']),
);

class MarkdownAnswer implements AnswerWriter {
  readonly #plain = new PlainText();
  readonly #streamer;

  constructor(private readonly terminal: Terminal) {
    const { columns = 80 } = terminal.out as WriteStream;
    const color = terminal.style('bold', 'x', 'out') !== 'x';
    const render = createRenderer({ width: Math.min(columns, 100), color, hyperlinks: color });
    this.#streamer = createMarkdownStreamer({ render, spacing: 'single' });
  }

  write(piece: string): void {
    this.terminal.out.write(plainRendered(this.#streamer.push(this.#plain.push(piece))));
  }

  restart(): void {
    this.end();
    this.#streamer.reset();
    this.terminal.note('— another worker has taken over and starts the answer again —');
  }

  end(): void {
    this.terminal.out.write(plainRendered(this.#streamer.finish(this.#plain.end())));
  }
}

/** Exactly the answer: a program reads it, which no character steers. */
class BareAnswer implements AnswerWriter {
  constructor(private readonly terminal: Terminal) {}

  write(piece: string): void {
    this.terminal.out.write(piece);
  }

  restart(): void {}

  end(): void {}
}

function isTty(stream: object): boolean {
  return 'isTTY' in stream && stream.isTTY === true;
}
