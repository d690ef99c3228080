/** What a simulated model does next. A bare string is one text delta, with exactly these boundaries; a lone surrogate
 *  goes over the wire as a JSON escape, as it does when a real model splits an emoji over two deltas. */
export type ModelStep =
  | string
  | { readonly reasoning: string }
  | { readonly toolCall: { readonly id: string; readonly name: string; readonly arguments: string } }
  /** pause, milliseconds */
  | { readonly waitMs: number }
  /** answer with this status instead of a stream; only as the first step */
  | { readonly fail: ModelFailure }
  /** these bytes into the body as they are: a malformed chunk, a comment */
  | { readonly raw: string }
  /** nothing more, with the connection open, until the client closes it */
  | { readonly silence: true }
  /** the connection is reset (RST) */
  | { readonly reset: true }
  /** the body ends properly, but early: no finish reason, no `[DONE]` */
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
  /** answers prompts that are this text or match this pattern; every prompt when left out */
  readonly to?: string | RegExp;
  /** before the first step, milliseconds */
  readonly firstTokenMs?: number;
  /** between one step and the next, milliseconds */
  readonly stepMs?: number;
  /** `stop` when left out, or `tool_calls` when a tool was called */
  readonly finishReason?: string;
  /** counted from the words of the prompt and the deltas when left out */
  readonly usage?: ModelUsage;
}

/** Steps without an end: `token(0)`, `token(1)`, … */
export function* endless(token: (index: number) => string = (index) => ` ${index}`): Generator<string> {
  for (let index = 0; ; index += 1) yield token(index);
}
