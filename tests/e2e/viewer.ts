import type { ConversationSnapshot, ConversationStore, Store } from '@millrace/client/conversation';

/** A page that shows a store: it subscribes, and sees each snapshot. */
export class Viewer<T, S extends Store<T>> implements Disposable {
  readonly seen: T[] = [];
  private readonly leave: () => void;
  private check: () => void = () => undefined;

  constructor(readonly store: S) {
    this.leave = store.subscribe(() => {
      this.seen.push(store.getSnapshot());
      this.check();
    });
  }

  get now(): T {
    return this.store.getSnapshot();
  }

  /** @returns the first snapshot of which this is true, from now on */
  until(isTrue: (snapshot: T) => boolean): Promise<T> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`it shows ${JSON.stringify(this.now, null, 1)}`)), 30_000);
      this.check = () => {
        const { now } = this;
        if (!isTrue(now)) return;
        clearTimeout(late);
        this.check = () => undefined;
        resolve(now);
      };
      this.check();
    });
  }

  [Symbol.dispose](): void {
    this.leave();
  }
}

export class ConversationViewer extends Viewer<ConversationSnapshot, ConversationStore> {
  /** Each message as `role text`, where the text of an answer is all of its parts. */
  static lines({ messages }: ConversationSnapshot): string[] {
    return messages.map(({ role, parts }) => {
      const words = [...parts].map((part) => ('text' in part ? part.text : part.type));
      return `${role} ${words.join('|')}`;
    });
  }

  untilLines(...lines: string[]): Promise<ConversationSnapshot> {
    return this.until((snapshot) => JSON.stringify(ConversationViewer.lines(snapshot)) === JSON.stringify(lines));
  }

  /** Waits until nothing is left to do, and everything that was asked has its id on the server. */
  untilSettled(): Promise<ConversationSnapshot> {
    return this.until(
      ({ activity, messages }) =>
        activity === 'idle' && messages.every((each) => each.role === 'assistant' || each.messageId !== null),
    );
  }
}
