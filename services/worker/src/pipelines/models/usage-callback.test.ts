import { describe, expect, it } from '@jest/globals';
import { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { AIMessageChunk } from '@langchain/core/messages';
import { ChatGenerationChunk, type ChatResult } from '@langchain/core/outputs';
import type { Usage } from '@millrace/contracts';
import { UsageCallback } from './usage-callback.ts';

/** A model that reports its input tokens first and its output tokens last. */
class TwoChunks extends BaseChatModel {
  override _llmType(): string {
    return 'two-chunks';
  }

  override _generate(): Promise<ChatResult> {
    throw new Error('it only streams');
  }

  override async *_streamResponseChunks(): AsyncGenerator<ChatGenerationChunk> {
    for (const [text, input_tokens, output_tokens] of [
      ['a', 7, 0],
      ['b', 0, 5],
    ] as const) {
      const usage = { input_tokens, output_tokens, total_tokens: input_tokens + output_tokens };
      // LangChain's type of this field has no inhabitants in this version
      yield new ChatGenerationChunk({
        text,
        message: new AIMessageChunk({ content: text, usage_metadata: usage as never }),
      });
    }
  }
}

describe('the usage of a model of any provider', () => {
  it('is reported at the end of each call', async () => {
    const reported: Usage[] = [];
    const model = new TwoChunks({
      callbacks: [new UsageCallback({ onUsage: (increase) => reported.push(increase) })],
    });
    for (let call = 0; call < 2; call += 1) for await (const _ of await model.stream('hi'));
    expect(reported).toEqual([
      { inputTokens: 7, outputTokens: 5 },
      { inputTokens: 7, outputTokens: 5 },
    ]);
  });
});
