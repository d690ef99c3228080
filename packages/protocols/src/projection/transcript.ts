import { crc32 } from 'node:zlib';
import { isPipelineEventType } from '@millrace/contracts';
import { type DeltaEvent, isDeltaEvent, quotedOf, type ReadEvent, textOf } from './read-event.ts';

/** How much text waits to be hashed, in UTF-16 code units and in pieces: an attempt that is not lost needs no hash. */
const MAX_UNHASHED = 8_192;
const MAX_PIECES = 64;
/** Half of a character is written as six code units, and counts as one. */
const HALF = /\p{Surrogate}/gu;
const HALF_CHARS = 6;
const FIRST_HALF_AT_END = /[\ud800-\udbff]$/;

/** What an attempt has said so far, as a length and a hash: equal transcripts have said the same, however it was cut into
 *  deltas. Immutable. A cut between two deltas of one message does not count; a change of message or kind does.
 *
 *  Text is taken as JSON has it, so that it need not be parsed. The hash is not cryptographic: what it compares is one
 *  model's answer with its own repetition. */
export class Transcript {
  // not a static field: TypeScript's output would use the class before it is there
  static empty(): Transcript {
    return new Transcript(0, 0, '', '', 0);
  }

  private constructor(
    /** the length of what was hashed */
    private readonly measured: number,
    private readonly hash: number,
    /** what the last delta belonged to; '' after anything else */
    private readonly channel: string,
    /** the end of the text, not hashed yet */
    private readonly rest: string,
    /** how many deltas that came in */
    private readonly pieces: number,
  ) {}

  /** one for each code unit of text, one more for each that JSON escapes; one for each change of what is said, and for
   *  each whole fact */
  get length(): number {
    return this.measured + measure(joined(this.rest));
  }

  equals(other: Transcript): boolean {
    return this.length === other.length && this.#wholeHash() === other.#wholeHash();
  }

  /** @returns this transcript itself, if the event says nothing of the answer */
  add(event: ReadEvent): Transcript {
    if (!isPipelineEventType(event.type)) return this;
    if (!isDeltaEvent(event)) return this.#turn(factOf(event), '');
    if (event.quoted === '') return this;
    const channel = channelOf(event);
    return (channel === this.channel ? this : this.#turn(channel, channel)).goOn(event.quoted);
  }

  /** Adds text that continues the last delta.
   *  @param quoted as JSON has it, without the quotes */
  goOn(quoted: string): Transcript {
    const { measured, hash, channel, pieces } = this;
    const rest = this.rest + quoted;
    if (pieces < MAX_PIECES && rest.length < MAX_UNHASHED)
      return new Transcript(measured, hash, channel, rest, pieces + 1);
    const text = joined(rest);
    // the other half of a character may follow
    const end = text.length - (endsInHalf(text) ? HALF_CHARS : 0);
    const said = text.slice(0, end);
    return new Transcript(measured + measure(said), crc32(said, hash), channel, text.slice(end), 0);
  }

  /** How many code units of a delta make this transcript as long as another one. Not positive: none do. */
  charsUpTo(length: number, event: DeltaEvent): number {
    const change = channelOf(event) === this.channel ? 0 : 1;
    const text = textOf(event);
    let missing = length - this.length - change;
    let chars = 0;
    for (; missing > 0 && chars < text.length; chars += 1) missing -= measure(quotedOf(text.charAt(chars)));
    return missing === 0 ? chars : 0;
  }

  #turn(said: string, channel: string): Transcript {
    return new Transcript(this.length + 1, crc32(said, this.#wholeHash()), channel, '', 0);
  }

  #wholeHash(): number {
    return this.rest === '' ? this.hash : crc32(joined(this.rest), this.hash);
  }
}

function hasHalves(quoted: string): boolean {
  return quoted.includes('\\ud');
}

/** Text with the characters whole whose halves came in two deltas. */
function joined(quoted: string): string {
  return hasHalves(quoted) ? quotedOf(unquoted(quoted)) : quoted;
}

function endsInHalf(quoted: string): boolean {
  return hasHalves(quoted) && FIRST_HALF_AT_END.test(unquoted(quoted));
}

function measure(quoted: string): number {
  if (!hasHalves(quoted)) return quoted.length;
  return quoted.length - (HALF_CHARS - 1) * (unquoted(quoted).match(HALF)?.length ?? 0);
}

function unquoted(quoted: string): string {
  return JSON.parse(`"${quoted}"`) as string;
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
