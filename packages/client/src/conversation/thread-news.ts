import type { Millrace } from '../millrace.ts';

/** What has become of a thread. */
export interface ThreadChange {
  readonly threadId: string;
  /** the title that it has got; left out: something else has changed */
  readonly title?: string;
  /** it was erased, or never was */
  readonly isGone?: boolean;
}

type Reader = (change: ThreadChange) => void;

/** What the stores of one client change, told to its other ones: a list of threads keeps up with the conversations beside it. */
export class ThreadNews {
  private static readonly ofClients = new WeakMap<Millrace, ThreadNews>();
  private readonly readers = new Map<object, Reader>();

  static of(client: Millrace): ThreadNews {
    const known = ThreadNews.ofClients.get(client) ?? new ThreadNews();
    ThreadNews.ofClients.set(client, known);
    return known;
  }

  /** @param store who wants to know, until it leaves */
  join(store: object, reader: Reader): void {
    this.readers.set(store, reader);
  }

  leave(store: object): void {
    this.readers.delete(store);
  }

  /** @param store who has changed it: it is not told */
  tell(store: object, change: ThreadChange): void {
    for (const [other, reader] of [...this.readers]) if (other !== store) reader(change);
  }
}
