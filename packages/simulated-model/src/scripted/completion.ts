import type { ModelUsage } from './model-step.ts';

/** The JSON of OpenAI's chat completions. @see https://platform.openai.com/docs/api-reference/chat */
export class Completion {
  private readonly id = `chatcmpl-${crypto.randomUUID()}`;
  private readonly created = Math.floor(Date.now() / 1000);

  constructor(private readonly model: string) {}

  /** one streamed chunk */
  chunk(delta: object, finishReason: string | null = null): string {
    return this.json('chat.completion.chunk', { choices: [{ index: 0, delta, finish_reason: finishReason }] });
  }

  /** the chunk after the last one, sent when `stream_options.include_usage` asks for it */
  usageChunk(usage: ModelUsage): string {
    return this.json('chat.completion.chunk', { choices: [], usage: usageOf(usage) });
  }

  /** a whole answer, not streamed */
  whole(message: object, finishReason: string, usage: ModelUsage): string {
    return this.json('chat.completion', {
      choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: finishReason }],
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
