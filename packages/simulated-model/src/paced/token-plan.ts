/** What the paced model is to send. The plan travels in the prompt, so that it passes through any proxy or service. */
export interface TokenPlan {
  readonly tokens: number;
  /** tokens per second; 0: as fast as the connection accepts them */
  readonly perSecond: number;
  /** from the request to the first token, milliseconds */
  readonly firstTokenMs: number;
  /** whether each token carries the time it was written (`token.ts`); otherwise all are the same short word */
  readonly stamped: boolean;
}

const PATTERN = /^say (\d+) tokens, (\d+(?:\.\d+)?) per second, first after (\d+) ms(, stamped)?$/;

/** The plan as a prompt: `say 200 tokens, 50 per second, first after 0 ms, stamped`. */
export function promptOf({ tokens, perSecond, firstTokenMs, stamped }: TokenPlan): string {
  return `say ${tokens} tokens, ${perSecond} per second, first after ${firstTokenMs} ms${stamped ? ', stamped' : ''}`;
}

/** The plan in a prompt; null if there is none. */
export function planIn(prompt: string): TokenPlan | null {
  const found = PATTERN.exec(prompt);
  if (found === null) return null;
  const [, tokens, perSecond, firstTokenMs, stamped] = found;
  return {
    tokens: Number(tokens),
    perSecond: Number(perSecond),
    firstTokenMs: Number(firstTokenMs),
    stamped: stamped !== undefined,
  };
}
