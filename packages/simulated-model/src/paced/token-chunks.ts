import { Completion } from '../completion.ts';
import { PLAIN_TOKEN } from './token.ts';

/** Tokens made ready to be written at once: about 16 KiB. */
const PLAIN_BATCH = 64;

const completion = new Completion('paced');
const [BEFORE = '', AFTER = ''] = frame(completion.chunk({ content: PLAIN_TOKEN })).split(PLAIN_TOKEN);
const PLAIN = Buffer.from(`${BEFORE}${PLAIN_TOKEN}${AFTER}`);
const PLAIN_CHUNKS = Buffer.concat(Array.from({ length: PLAIN_BATCH }, () => PLAIN));

/** How a streamed answer begins: OpenAI names the role in a chunk of its own. */
export const FIRST_CHUNK = Buffer.from(frame(completion.chunk({ role: 'assistant', content: '' })));

/** One token in a chunk of its own. */
export function tokenChunk(token: string): string {
  return BEFORE + token + AFTER;
}

/** Plain tokens, a chunk each: at most so many, and as many as one write should hold.
 *  @returns the bytes and how many tokens they are */
export function plainChunks(atMost: number): { readonly bytes: Buffer; readonly tokens: number } {
  const tokens = Math.min(atMost, PLAIN_BATCH);
  return { bytes: PLAIN_CHUNKS.subarray(0, tokens * PLAIN.length), tokens };
}

/** How a streamed answer ends: why, what it cost, and `[DONE]`. */
export function lastChunks(tokens: number): string {
  const usage = completion.usageChunk({ inputTokens: 1, outputTokens: tokens });
  return `${frame(completion.chunk({}, 'stop'))}${frame(usage)}${frame('[DONE]')}`;
}

function frame(data: string): string {
  return `data: ${data}\n\n`;
}
