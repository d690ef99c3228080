import { type AnswerWire, type ModelToolCall, piecesOf, type SaidParts } from './answer-wire.ts';
import type { ModelUsage } from './model-step.ts';

/** The JSON of OpenAI's chat completions. @see https://platform.openai.com/docs/api-reference/chat */
export class Completion implements AnswerWire {
  private readonly id = `chatcmpl-${crypto.randomUUID()}`;
  private readonly created = Math.floor(Date.now() / 1000);
  private calls = 0;

  /** @param withUsage whether `stream_options.include_usage` asks for the chunk that has it */
  constructor(
    private readonly model: string,
    private readonly withUsage = false,
  ) {}

  /** one streamed chunk */
  chunk(delta: object, finishReason: string | null = null): string {
    return this.json('chat.completion.chunk', { choices: [{ index: 0, delta, finish_reason: finishReason }] });
  }

  /** the chunk after the last one */
  usageChunk(usage: ModelUsage): string {
    return this.json('chat.completion.chunk', { choices: [], usage: usageOf(usage) });
  }

  opening(): string[] {
    return [this.chunk({ role: 'assistant', content: '' })];
  }

  text(content: string): string[] {
    return [this.chunk({ content })];
  }

  reasoning(text: string): string[] {
    return [this.chunk({ reasoning_content: text })];
  }

  /** like real models: first the name, then the arguments in pieces */
  toolCall({ id, name, arguments: args }: ModelToolCall): string[] {
    const index = this.calls++;
    const start = { index, id, type: 'function', function: { name, arguments: '' } };
    const pieces = piecesOf(args).map((piece) => ({ index, function: { arguments: piece } }));
    return [start, ...pieces].map((part) => this.chunk({ tool_calls: [part] }));
  }

  closing(finishReason: string, usage: ModelUsage): string[] {
    return [this.chunk({}, finishReason), ...(this.withUsage ? [this.usageChunk(usage)] : []), '[DONE]'];
  }

  whole({ text, reasoning, toolCalls }: SaidParts, finishReason: string, usage: ModelUsage): string {
    const calls = toolCalls.map(({ id, name, arguments: args }) => ({
      id,
      type: 'function',
      function: { name, arguments: args },
    }));
    const message = {
      role: 'assistant',
      content: calls.length > 0 && text === '' ? null : text,
      ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    };
    return this.json('chat.completion', {
      choices: [{ index: 0, message, finish_reason: finishReason }],
      usage: usageOf(usage),
    });
  }

  private json(object: string, fields: object): string {
    return JSON.stringify({ id: this.id, object, created: this.created, model: this.model, ...fields });
  }
}

function usageOf({ inputTokens, outputTokens }: ModelUsage): object {
  return { prompt_tokens: inputTokens, completion_tokens: outputTokens, total_tokens: inputTokens + outputTokens };
}
