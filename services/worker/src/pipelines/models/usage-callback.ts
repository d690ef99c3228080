import { BaseCallbackHandler } from '@langchain/core/callbacks/base';
import type { LLMResult } from '@langchain/core/outputs';
import type { ModelObserver } from '../definition/model-observer.ts';
import { MAX_TOKENS } from './openai/usage-counts.ts';

/** Reports the usage of any LangChain chat model at the end of each call. */
export class UsageCallback extends BaseCallbackHandler {
  readonly name = 'UsageCallback';
  /** by default LangChain runs handlers in the background: an attempt could end before its usage is known */
  override awaitHandlers = true;

  constructor(readonly observer: Pick<ModelObserver, 'onUsage' | 'onCall'>) {
    super();
  }

  override handleChatModelStart(): void {
    this.observer.onCall?.();
  }

  override handleLLMEnd({ generations }: LLMResult): void {
    const message: unknown = (generations[0]?.[0] as { readonly message?: unknown } | undefined)?.message;
    const { usage_metadata: usage } = (message ?? {}) as { readonly usage_metadata?: unknown };
    const { input_tokens: input, output_tokens: output } = (usage ?? {}) as Readonly<Record<string, unknown>>;
    const increase = { inputTokens: tokens(input), outputTokens: tokens(output) };
    if (increase.inputTokens + increase.outputTokens > 0) this.observer.onUsage(increase);
  }
}

function tokens(count: unknown): number {
  return typeof count === 'number' && Number.isInteger(count) && count > 0 && count <= MAX_TOKENS ? count : 0;
}
