/** What a simulated model does next. A bare string is one text delta with exactly these boundaries; a lone surrogate
 *  is sent as a JSON escape, as when a real model splits an emoji across two deltas. */
export type ModelStep =
  | string
  | { readonly reasoning: string }
  | { readonly toolCall: { readonly id: string; readonly name: string; readonly arguments: string } }
  /** pause, milliseconds */
  | { readonly waitMs: number }
  /** answer with this status instead of a stream; only as the first step */
  | { readonly fail: ModelFailure }
  /** write these bytes into the body unchanged: a malformed chunk, a comment */
  | { readonly raw: string }
  /** send nothing more and keep the connection open until the client closes it */
  | { readonly silence: true }
  /** reset the connection (RST) */
  | { readonly reset: true }
  /** end the body properly, but early: no finish reason, no `[DONE]` */
  | { readonly cut: true };

export interface ModelFailure {
  readonly status: number;
  readonly message?: string;
  /** seconds, for the `Retry-After` header */
  readonly retryAfter?: number;
}

export interface ModelUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export type ModelSteps = Iterable<ModelStep> | AsyncIterable<ModelStep>;

export interface AnswerOptions {
  /** answers prompts that equal this text or match this pattern; every prompt when left out */
  readonly to?: string | RegExp;
  /** delay before the first step, milliseconds */
  readonly firstTokenMs?: number;
  /** delay between steps, milliseconds */
  readonly stepMs?: number;
  /** `stop` when left out, or `tool_calls` when a tool was called */
  readonly finishReason?: string;
  /** counted from the words of the prompt and the deltas when left out */
  readonly usage?: ModelUsage;
}

/** Endless steps: `token(0)`, `token(1)`, … */
export function* endless(token: (index: number) => string = (index) => ` ${index}`): Generator<string> {
  for (let index = 0; ; index += 1) yield token(index);
}
