import type { Thread } from '../thread.ts';
import type { ThreadMessage } from '../thread-view.ts';
import type { CallOptions } from '../transport.ts';

const PAGE_SIZE = 100;

/** The messages that a thread keeps. Reading them again reads the last page only. */
export class ThreadContents {
  private start: { readonly cursor?: string; readonly place: number } = { place: 0 };

  /** @param messages that are known, oldest first: those that are the same when they are read stay the same objects */
  constructor(
    private readonly thread: Thread,
    private messages: readonly ThreadMessage[] = [],
  ) {}

  /** @returns all of them, oldest first
   *  @throws MillraceError
   *  @throws the signal's reason */
  async read(options: CallOptions): Promise<readonly ThreadMessage[]> {
    for (;;) {
      const { cursor, place } = this.start;
      const filter = { limit: PAGE_SIZE, ...(cursor === undefined ? {} : { cursor }) };
      const { items, nextCursor } = await this.thread.messages(filter, options);
      if (items.length === 0 && place > 0) {
        // the thread was cut shorter than it was
        this.start = { place: 0 };
        continue;
      }
      const page = items.map((message, nth) => this.#known(place + nth, message));
      const end = place + page.length;
      const later = nextCursor === null ? [] : this.messages.slice(end);
      this.messages = [...this.messages.slice(0, place), ...page, ...later];
      if (nextCursor === null) return this.messages;
      this.start = { cursor: nextCursor, place: end };
    }
  }

  #known(place: number, message: ThreadMessage): ThreadMessage {
    const known = this.messages[place];
    return JSON.stringify(known) === JSON.stringify(message) && known !== undefined ? known : message;
  }
}
