import { isTerminal, type StoredEvent } from '@millrace/contracts';
import type { StreamOutcome } from '../stream-format.ts';

/** What a batch of events means to any reader of bare text. */
export interface TextBatch {
  /** the text after the batch's last reset */
  readonly text: string;
  /** `text` without a trailing half character: what a reader without a pending half receives */
  readonly whole: string;
  /** `whole` as UTF-8, made once and shared by those readers */
  readonly bytes: Buffer;
  /** the text so far, of this batch and of all before it, is void */
  readonly resets: boolean;
  readonly outcome: StreamOutcome;
}

/** Reads a batch as bare text: reasoning and tools are left out, a reset voids what came before it. */
export function readTextBatch(events: readonly StoredEvent[]): TextBatch {
  let text = '';
  let resets = false;
  let outcome: StreamOutcome = 'continue';
  for (const { type, data } of events) {
    if (type === 'text') {
      text += (JSON.parse(data) as { text: string }).text;
    } else if (type === 'reset') {
      text = '';
      resets = true;
    } else if (isTerminal(type)) {
      // a cancelled answer is as incomplete as a failed one, and bare text has no other way to signal it
      outcome = type === 'done' ? 'end' : 'abort';
    }
  }
  const whole = wholeCharacters(text);
  return { text, whole, bytes: utf8(whole), resets, outcome };
}

/** @returns the text without its last code unit, if that may be the first half of a character (a high surrogate) */
export function wholeCharacters(text: string): string {
  return text.length > 0 && isHighSurrogate(text.charCodeAt(text.length - 1)) ? text.slice(0, -1) : text;
}

/** A surrogate without its partner has no UTF-8: it becomes U+FFFD. */
export function utf8(text: string): Buffer {
  return Buffer.from(text, 'utf8');
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
