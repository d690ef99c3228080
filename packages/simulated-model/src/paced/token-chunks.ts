import { Completion } from '../scripted/completion.ts';
import { PLAIN_TOKEN } from './token.ts';

/** Tokens prepared for one write: about 16 KiB. */
const PLAIN_BATCH = 64;

/** The frames of a streamed answer. */
export class TokenChunks {
  /** the beginning: OpenAI sends the role in a separate chunk */
  readonly first: Buffer;
  readonly #completion = new Completion('paced');
  readonly #before: string;
  readonly #after: string;
  readonly #plain: Buffer;
  readonly #batch: Buffer;

  constructor() {
    this.first = Buffer.from(frame(this.#completion.chunk({ role: 'assistant', content: '' })));
    const [before = '', after = ''] = frame(this.#completion.chunk({ content: PLAIN_TOKEN })).split(PLAIN_TOKEN);
    this.#before = before;
    this.#after = after;
    this.#plain = Buffer.from(this.token(PLAIN_TOKEN));
    this.#batch = Buffer.concat(Array.from({ length: PLAIN_BATCH }, () => this.#plain));
  }

  /** A chunk with one token. */
  token(token: string): string {
    return this.#before + token + this.#after;
  }

  /** Plain tokens, one per chunk: no more than asked for, and no more than one write should hold.
   *  @returns the bytes, and how many tokens they contain */
  plain(atMost: number): { readonly bytes: Buffer; readonly tokens: number } {
    const tokens = Math.min(atMost, PLAIN_BATCH);
    return { bytes: this.#batch.subarray(0, tokens * this.#plain.length), tokens };
  }

  /** The end: finish reason, usage, and `[DONE]`.
   *  @param callsFor the step for which it calls the tool `look`; null: it calls none */
  last(tokens: number, callsFor: number | null): string {
    const call = callsFor === null ? '' : frame(this.#toolCall(callsFor));
    const end = frame(this.#completion.chunk({}, callsFor === null ? 'stop' : 'tool_calls'));
    const usage = frame(this.#completion.usageChunk({ inputTokens: 1, outputTokens: tokens }));
    return call + end + usage + frame('[DONE]');
  }

  #toolCall(step: number): string {
    const look = { name: 'look', arguments: JSON.stringify({ step }) };
    const call = { index: 0, id: `call_${crypto.randomUUID()}`, type: 'function', function: look };
    return this.#completion.chunk({ tool_calls: [call] });
  }
}

/** The same for every answer, ready to be written. */
export const SHARED_CHUNKS = new TokenChunks();

function frame(data: string): string {
  return `data: ${data}\n\n`;
}
