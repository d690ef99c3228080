import type { Encoded, WireBatch, WireEncoder, WireFormat } from '../wire-format.ts';
import { readTextBatch, type TextBatch, utf8, wholeCharacters } from './text-batch.ts';

/** The bare answer, no framing: `answer += chunk` is the whole client. A clean end of the body means that the answer
 *  is whole; whatever else happens (error, cancel, a reset after something was sent) breaks the connection off.
 *  @see PROTOCOL.md §2 */
export class TextFormat implements WireFormat {
  readonly contentType = 'text/plain; charset=utf-8';
  private readonly batches = new WeakMap<WireBatch, TextBatch>();

  connect(): WireEncoder {
    return new TextEncoderOfConnection((batch) => this.read(batch));
  }

  private read(batch: WireBatch): TextBatch {
    let read = this.batches.get(batch);
    if (read === undefined) {
      read = readTextBatch(batch.events);
      this.batches.set(batch, read);
    }
    return read;
  }
}

class TextEncoderOfConnection implements WireEncoder {
  readonly opening = null;
  readonly heartbeat = null;
  /** the first half of a character whose second half is in a later delta, or nothing */
  private half = '';
  private saidSomething = false;

  constructor(private readonly read: (batch: WireBatch) => TextBatch) {}

  encode(batch: WireBatch): Encoded {
    const { text, whole, bytes, resets, outcome } = this.read(batch);
    // what has been sent cannot be taken back
    if (resets && this.saidSomething) return { bytes: null, outcome: 'abort' };
    const owed = resets ? text : this.half + text;
    const chunk = outcome === 'end' ? owed : wholeCharacters(owed);
    this.half = owed.slice(chunk.length);
    if (chunk === '') return { bytes: null, outcome };
    this.saidSomething = true;
    return { bytes: chunk === whole ? bytes : utf8(chunk), outcome };
  }

  retry(): null {
    return null;
  }
}
