/** What the paced model is to send. The plan travels in the prompt, so that it passes through any proxy or service. */
export interface TokenPlan {
  readonly tokens: number;
  /** tokens per second; 0: as fast as the connection accepts them */
  readonly perSecond: number;
  /** from the request to the first token, milliseconds */
  readonly firstTokenMs: number;
  /** whether each token carries the time it was written (`token.ts`); otherwise all are the same short word */
  readonly stamped: boolean;
  /** before each of so many steps it says the tokens and calls the tool `look`, and afterwards it says them once more; 0 when
   *  left out */
  readonly steps?: number;
}

const PATTERN = /^say (\d+) tokens, (\d+(?:\.\d+)?) per second, first after (\d+) ms(, stamped)?(?:, in (\d+) steps)?$/;

/** The plan as a prompt: `say 200 tokens, 50 per second, first after 0 ms, stamped`. */
export function promptOf({ tokens, perSecond, firstTokenMs, stamped, steps = 0 }: TokenPlan): string {
  const how = `${stamped ? ', stamped' : ''}${steps > 0 ? `, in ${steps} steps` : ''}`;
  return `say ${tokens} tokens, ${perSecond} per second, first after ${firstTokenMs} ms${how}`;
}

/** The plan in a prompt; null if there is none. */
export function planIn(prompt: string): TokenPlan | null {
  const found = PATTERN.exec(prompt);
  if (found === null) return null;
  const [, tokens, perSecond, firstTokenMs, stamped, steps] = found;
  return {
    tokens: Number(tokens),
    perSecond: Number(perSecond),
    firstTokenMs: Number(firstTokenMs),
    stamped: stamped !== undefined,
    ...(steps === undefined ? {} : { steps: Number(steps) }),
  };
}
