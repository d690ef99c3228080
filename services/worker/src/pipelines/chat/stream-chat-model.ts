import type { BaseLanguageModelInput } from '@langchain/core/language_models/base';
import { BaseChatModel } from '@langchain/core/language_models/chat_models';
import type { AIMessageChunk, UsageMetadata } from '@langchain/core/messages';
import { ensureConfig, type Runnable } from '@langchain/core/runnables';
import type { FinishReason, OutputParameters } from '@millrace/contracts';
import { PipelineError, type PipelineEvent, type PipelineResult } from '../definition/pipeline.ts';
import type { MessageDelta } from '../models/openai/delta-stream.ts';
import { QuickChat } from '../models/openai/quick-chat.ts';
import { type ChatCallOptions, callOptionsOf } from './call-options.ts';
import { countOf, eventsIn, finishReasonOf } from './message-content.ts';
import { ToolCallAssembler } from './tool-call-assembler.ts';

type ChatModel = Runnable<BaseLanguageModelInput, AIMessageChunk>;

interface CallOptions extends OutputParameters {
  readonly signal: AbortSignal;
}

/** Streams one call of a chat model: text, reasoning and tool calls exactly as the model sends them, then each tool call whole.
 *  Returns the finish reason and the usage.
 *  @param model may have tools bound to it
 *  @param options tools and response format, as a request has them
 *  @throws what the model throws; PipelineError when the answer is cut off, or the model takes no tools */
export async function* streamChatModel(
  model: ChatModel | Promise<ChatModel>,
  messages: BaseLanguageModelInput | Promise<BaseLanguageModelInput>,
  options: CallOptions,
): AsyncGenerator<PipelineEvent, PipelineResult, void> {
  const toolCalls = new ToolCallAssembler();
  let inputTokens = 0;
  let outputTokens = 0;
  let finishReason: FinishReason | undefined;

  try {
    const [chatModel, conversation] =
      messages instanceof Promise ? await Promise.all([model, messages]) : [await model, messages];
    for await (const chunk of await chunksOf(chatModel, conversation, options)) {
      for (const event of eventsIn(chunk)) yield event;
      for (const part of chunk.tool_call_chunks ?? []) yield* toolCalls.add(part);
      // a provider may report usage in parts: input first, output last
      const usage = chunk.usage_metadata as UsageMetadata | undefined;
      inputTokens += countOf(usage?.input_tokens);
      outputTokens += countOf(usage?.output_tokens);
      finishReason = finishReasonOf(chunk) ?? finishReason;
    }
  } catch (error) {
    // the model sent something that is not JSON: the stream throws no other SyntaxError
    if (error instanceof SyntaxError) throw truncatedAnswer();
    throw error;
  }
  // Chat Completions always sends a finish reason: without one, the connection ended early
  if (finishReason === undefined) throw truncatedAnswer();

  const calls = yield* toolCalls.complete(finishReason === 'length');
  // some servers say `stop` after tool calls, and so does OpenAI after a call that the request has forced
  if (calls > 0 && finishReason === 'stop') finishReason = 'tool_calls';
  return { finishReason, usage: { inputTokens, outputTokens } };
}

/** A chat model's chunks, without LangChain's messages when nothing needs them. */
async function chunksOf(
  model: ChatModel,
  messages: BaseLanguageModelInput,
  { signal, ...output }: CallOptions,
): Promise<AsyncIterable<MessageDelta>> {
  const callOptions = callOptionsOf(output);
  if (model instanceof QuickChat) {
    const deltas = await model.deltas(messages, ensureConfig({ signal }), callOptions ?? {});
    return deltas ?? model.stream(messages, { signal, ...callOptions });
  }
  return (callOptions === null ? model : bound(model, callOptions)).stream(messages, { signal });
}

/** The model of another provider with tools and response format bound to it, in the form that all packages take. */
function bound(model: ChatModel, { tools, tool_choice: choice, ...options }: ChatCallOptions): ChatModel {
  const bindTools = model instanceof BaseChatModel ? model.bindTools?.bind(model) : undefined;
  if (tools === undefined) return model.withConfig(options as object);
  if (bindTools === undefined) throw new PipelineError('MODEL_ERROR', 'This model takes no tools.');
  const toolChoice = typeof choice === 'object' ? choice.function.name : choice === 'required' ? 'any' : choice;
  return bindTools(tools, {
    ...options,
    ...(toolChoice === undefined ? {} : { tool_choice: toolChoice }),
  }) as ChatModel;
}

function truncatedAnswer(): PipelineError {
  return new PipelineError('MODEL_ERROR', 'The model’s answer was cut off.', true);
}
