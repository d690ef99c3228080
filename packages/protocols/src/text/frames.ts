import type { EncodableBatch, Encoded, StreamEncoder, StreamedJob, StreamFormat } from '../stream-format.ts';
import { readTextBatch, type TextBatch, utf8, wholeCharacters } from './text-batch.ts';

/** Cached on the batch itself, as in `NativeFormat`. */
const READ = Symbol('as bare text');

interface TextOfBatch extends EncodableBatch {
  [READ]?: TextBatch;
}

/** The bare answer without framing: `answer += chunk` is the whole client. A clean end of the body means that the
 *  answer is complete; anything else (error, cancel, a reset after text was sent) aborts the connection.
 *  @see PROTOCOL.md §2 */
export class TextFormat implements StreamFormat {
  readonly contentType = 'text/plain; charset=utf-8';

  headers({ id }: StreamedJob): Readonly<Record<string, string>> {
    return { Location: `/jobs/${id}` };
  }

  positionOf(): null {
    return null;
  }

  connect(): StreamEncoder {
    return new TextConnection();
  }
}

class TextConnection implements StreamEncoder {
  readonly canReset = false;
  readonly cleanEndMeansSuccess = true;
  readonly cursor = 'none';
  readonly begins = 'attempt';
  readonly opening = null;
  readonly heartbeat = null;
  /** the first half of a character whose second half is in a later delta, or '' */
  private half = '';
  private sentText = false;

  encode(batch: TextOfBatch): Encoded {
    batch[READ] ??= readTextBatch(batch.events);
    const { text, whole, bytes, resets, outcome } = batch[READ];
    // what has been sent cannot be taken back
    if (resets && this.sentText) return { bytes: null, outcome: 'abort' };
    const owed = resets ? text : this.half + text;
    const chunk = outcome === 'end' ? owed : wholeCharacters(owed);
    this.half = owed.slice(chunk.length);
    if (chunk === '') return { bytes: null, outcome };
    this.sentText = true;
    return { bytes: chunk === whole ? bytes : utf8(chunk), outcome };
  }

  retry(): null {
    return null;
  }
}
