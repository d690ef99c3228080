import { isPipelineEventType } from '@millrace/contracts';
import { isDeltaEvent, type ReadEvent, textOf } from './read-event.ts';

/** What an attempt has said so far, as a length and a hash: equal transcripts have said the same, however it was cut into
 *  deltas. Immutable. A cut between two deltas of one message does not count; a change of message or kind does.
 *
 *  The hash is not cryptographic: what it compares is one model's answer with its own repetition. */
export class Transcript {
  // not a static field: TypeScript's output would use the class before it is there
  static empty(): Transcript {
    return new Transcript(0, 0x2f0b4c47, 0x9e3779b9, '');
  }

  private constructor(
    /** one for each UTF-16 code unit of text, for each change of what is said, and for each whole fact */
    readonly length: number,
    private readonly high: number,
    private readonly low: number,
    /** what the last delta belonged to; '' after anything else */
    private readonly channel: string,
  ) {}

  equals(other: Transcript): boolean {
    return this.length === other.length && this.high === other.high && this.low === other.low;
  }

  /** @returns this transcript itself, if the event says nothing of the answer */
  add(event: ReadEvent): Transcript {
    if (!isPipelineEventType(event.type)) return this;
    if (!isDeltaEvent(event)) return this.#mixed(factOf(event), 1, '');
    const text = textOf(event);
    if (text === '') return this;
    const channel = channelOf(event);
    const base = channel === this.channel ? this : this.#mixed(channel, 1, channel);
    return base.#mixed(text, text.length, channel);
  }

  /** How many code units of a delta make this transcript as long as another one. Not positive: none do. */
  charsUpTo(length: number, event: ReadEvent): number {
    const change = isDeltaEvent(event) && channelOf(event) === this.channel ? 0 : 1;
    return length - this.length - change;
  }

  #mixed(text: string, length: number, channel: string): Transcript {
    let { high, low } = this;
    for (let index = 0; index < text.length; index += 1) {
      const unit = text.charCodeAt(index);
      high = Math.imul(high ^ unit, 0x9e3779b1);
      low = Math.imul(low ^ unit, 0x5f356495);
      high ^= high >>> 15;
      low ^= low >>> 13;
    }
    return new Transcript(this.length + length, high, low, channel);
  }
}

/** What a delta belongs to. The line break keeps it apart from any text. */
function channelOf({ type, data }: ReadEvent): string {
  const { messageId = '', callId = '' } = data as { messageId?: string; callId?: string };
  return `\n${type} ${messageId} ${callId}\n`;
}

/** A whole fact. The usage of a message is not what was said. */
function factOf({ type, data }: ReadEvent): string {
  if (type !== 'message_end') return `\n${type} ${JSON.stringify(data)}\n`;
  const { messageId, finishReason } = data as { messageId: string; finishReason: string };
  return `\n${type} ${JSON.stringify([messageId, finishReason])}\n`;
}
