import { setTimeout as delay } from 'node:timers/promises';

/** What the simulated model says, and when, milliseconds after it was asked. */
export const ANSWER = { tokenCount: 40, firstTokenMs: 1_300, lastTokenMs: 2_760 } as const;

/** The tokens of the answer. */
export const TOKENS: readonly string[] = Array.from({ length: ANSWER.tokenCount }, (_, index) => `token${index} `);

/** When each token is due: evenly from the first to the last. */
export function dueMs(index: number): number {
  const gapMs = (ANSWER.lastTokenMs - ANSWER.firstTokenMs) / (ANSWER.tokenCount - 1);
  return ANSWER.firstTokenMs + index * gapMs;
}

/** Says the tokens on time. Each waits for its own hour: pauses one after the other would add up their lateness. */
export async function* answerOnTime(): AsyncGenerator<string> {
  const askedAt = performance.now();
  for (const [index, token] of TOKENS.entries()) {
    await delay(Math.max(0, askedAt + dueMs(index) - performance.now()));
    yield token;
  }
}
