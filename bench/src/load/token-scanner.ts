import { STAMP_DIGITS, stampOf, TOKEN_MARK } from '@millrace/simulated-model/paced';

const MARK = TOKEN_MARK.charCodeAt(0);

/** Finds the tokens of the paced model in a body, whatever protocol it is in: it looks for their mark alone, so that
 *  reading costs the same for every peer. */
export class TokenScanner {
  tokens = 0;
  /** a stamp that the end of a read cut in two */
  #begun: string | null = null;

  /** @param onStamp called with each stamp, microseconds, that is whole; null where there are none
   *  @returns how many tokens began in these bytes */
  read(bytes: Buffer, onStamp: ((micros: number) => void) | null): number {
    const before = this.tokens;
    if (this.#begun !== null && onStamp !== null) this.#finish(this.#begun, bytes, onStamp);
    for (let at = bytes.indexOf(MARK); at !== -1; at = bytes.indexOf(MARK, at + 1)) {
      this.tokens += 1;
      if (onStamp !== null) this.#stampAt(at + 1, bytes, onStamp);
    }
    return this.tokens - before;
  }

  #stampAt(at: number, bytes: Buffer, onStamp: (micros: number) => void): void {
    const digits = bytes.toString('latin1', at, at + STAMP_DIGITS);
    if (digits.length < STAMP_DIGITS) this.#begun = digits;
    else report(digits, onStamp);
  }

  #finish(begun: string, bytes: Buffer, onStamp: (micros: number) => void): void {
    this.#begun = null;
    report(begun + bytes.toString('latin1', 0, STAMP_DIGITS - begun.length), onStamp);
  }
}

/** A proxy may have put the frame of a chunk into the midst of a stamp: the token counts, its time is not known. */
function report(digits: string, onStamp: (micros: number) => void): void {
  if (/^[0-9a-z]+$/.test(digits) && digits.length === STAMP_DIGITS) onStamp(stampOf(digits));
}
