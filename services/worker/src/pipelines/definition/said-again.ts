import { createHash, type Hash } from 'node:crypto';
import type { FinishReason, StreamEvent } from '@millrace/contracts';

interface OpenMessage {
  readonly text: Hash;
  readonly callIds: string[];
}

/** What an attempt has said again for an agent that goes on: enough to tell what of its state has been said, and no text. */
export class SaidAgain {
  readonly ids = new Set<string>();
  readonly #open = new Map<string, OpenMessage>();
  /** how often a content was said */
  readonly #contents = new Map<string, number>();
  #latest = '';
  #finishReason: FinishReason | null = null;

  /** of the last message; null without one */
  get finishReason(): FinishReason | null {
    return this.#finishReason;
  }

  add({ type, data }: StreamEvent): void {
    if (type === 'message_start') {
      this.ids.add(data.messageId);
      this.#latest = data.messageId;
      this.#open.set(data.messageId, { text: createHash('sha256'), callIds: [] });
    } else if (type === 'text') {
      this.#open.get(data.messageId ?? this.#latest)?.text.update(data.text);
    } else if (type === 'tool_call') {
      this.#open.get(data.messageId ?? this.#latest)?.callIds.push(data.callId);
    } else if (type === 'message_end') {
      this.#finishReason = data.finishReason;
      this.#end(data.messageId);
    }
  }

  /** Whether this content was said, apart from the times that it was asked for before. */
  take(text: string, callIds: readonly string[]): boolean {
    const key = keyOf(createHash('sha256').update(text), callIds);
    const times = this.#contents.get(key) ?? 0;
    this.#contents.set(key, times - 1);
    return times > 0;
  }

  #end(messageId: string): void {
    const message = this.#open.get(messageId);
    if (message === undefined) return;
    this.#open.delete(messageId);
    const key = keyOf(message.text, message.callIds);
    this.#contents.set(key, (this.#contents.get(key) ?? 0) + 1);
  }
}

function keyOf(text: Hash, callIds: readonly string[]): string {
  return `${text.digest('base64')} ${JSON.stringify(callIds)}`;
}
