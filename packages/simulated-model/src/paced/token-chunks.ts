import { Completion } from '../scripted/completion.ts';
import { PLAIN_TOKEN } from './token.ts';

/** Tokens prepared for one write: about 16 KiB. */
const PLAIN_BATCH = 64;

const completion = new Completion('paced');
const [BEFORE = '', AFTER = ''] = frame(completion.chunk({ content: PLAIN_TOKEN })).split(PLAIN_TOKEN);
const PLAIN = Buffer.from(`${BEFORE}${PLAIN_TOKEN}${AFTER}`);
const PLAIN_CHUNKS = Buffer.concat(Array.from({ length: PLAIN_BATCH }, () => PLAIN));

/** The beginning of a streamed answer: OpenAI sends the role in a separate chunk. */
export const FIRST_CHUNK = Buffer.from(frame(completion.chunk({ role: 'assistant', content: '' })));

/** A chunk with one token. */
export function tokenChunk(token: string): string {
  return BEFORE + token + AFTER;
}

/** Plain tokens, one per chunk: no more than asked for, and no more than one write should hold.
 *  @returns the bytes, and how many tokens they contain */
export function plainChunks(atMost: number): { readonly bytes: Buffer; readonly tokens: number } {
  const tokens = Math.min(atMost, PLAIN_BATCH);
  return { bytes: PLAIN_CHUNKS.subarray(0, tokens * PLAIN.length), tokens };
}

/** The end of a streamed answer: finish reason, usage, and `[DONE]`. */
export function lastChunks(tokens: number): string {
  const usage = completion.usageChunk({ inputTokens: 1, outputTokens: tokens });
  return `${frame(completion.chunk({}, 'stop'))}${frame(usage)}${frame('[DONE]')}`;
}

function frame(data: string): string {
  return `data: ${data}\n\n`;
}
