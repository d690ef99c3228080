import type { ModelUsage } from './model-step.ts';

export interface ModelToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

/** What a model has said in one answer. */
export interface SaidParts {
  readonly text: string;
  readonly reasoning: string;
  readonly toolCalls: readonly ModelToolCall[];
}

/** One answer in the words of a protocol. Methods that give events give the JSON of each. */
export interface AnswerWire {
  /** before anything is said */
  opening(): string[];
  text(delta: string): string[];
  reasoning(delta: string): string[];
  toolCall(call: ModelToolCall): string[];
  /** after everything is said, `[DONE]` included where the protocol has it */
  closing(finishReason: string, usage: ModelUsage): string[];
  /** the body of an answer that is not streamed */
  whole(said: SaidParts, finishReason: string, usage: ModelUsage): string;
}

/** The pieces in which a model writes the arguments of a call. */
export function piecesOf(args: string): string[] {
  const half = Math.ceil(args.length / 2);
  return [args.slice(0, half), args.slice(half)].filter((piece) => piece !== '');
}
