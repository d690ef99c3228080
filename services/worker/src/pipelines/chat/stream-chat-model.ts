import type { BaseLanguageModelInput } from '@langchain/core/language_models/base';
import { BaseChatModel } from '@langchain/core/language_models/chat_models';
import type { AIMessageChunk, UsageMetadata } from '@langchain/core/messages';
import { ensureConfig, type Runnable } from '@langchain/core/runnables';
import type { FinishReason } from '@millrace/contracts';
import type { Said } from '../models/openai/delta-stream.ts';
import { QuickChat } from '../models/openai/quick-chat.ts';
import { PipelineError, type PipelineEvent, type PipelineResult } from '../pipeline.ts';
import { ToolCallParts } from './tool-call-assembler.ts';

type ChatModel = Runnable<BaseLanguageModelInput, AIMessageChunk>;

/** Streams one call of a chat model: text and reasoning exactly as the model says them, its tool calls complete,
 *  then why it stopped and what it cost.
 *  @param model also with tools bound to it
 *  @throws what the model throws; PipelineError when its answer breaks off */
export async function* streamChatModel(
  model: ChatModel | Promise<ChatModel>,
  messages: BaseLanguageModelInput,
  { signal }: { readonly signal: AbortSignal },
): AsyncGenerator<PipelineEvent, PipelineResult, void> {
  const toolCalls = new ToolCallParts();
  let inputTokens = 0;
  let outputTokens = 0;
  let finishReason: FinishReason | undefined;

  try {
    for await (const chunk of await chunksOf(await model, messages, signal)) {
      for (const event of saidIn(chunk)) yield event;
      for (const part of chunk.tool_call_chunks ?? []) toolCalls.add(part);
      // a provider may report its usage in parts: the input's first, the output's last
      const usage = chunk.usage_metadata as UsageMetadata | undefined;
      inputTokens += countOf(usage?.input_tokens);
      outputTokens += countOf(usage?.output_tokens);
      finishReason = finishReasonOf(chunk) ?? finishReason;
    }
  } catch (error) {
    // what the model sent was no JSON; a syntax error of our own would not come out of its stream
    if (error instanceof SyntaxError) throw brokenAnswer();
    throw error;
  }
  // Chat Completions always says why it stopped: without it the connection ended early, and half an answer is none
  if (finishReason === undefined) throw brokenAnswer();

  yield* toolCalls.complete(finishReason === 'length');
  return { finishReason, usage: { inputTokens, outputTokens } };
}

/** A chat model's chunks without the web stream that `stream` puts around them, which costs as much as making them. */
async function chunksOf(
  model: ChatModel,
  messages: BaseLanguageModelInput,
  signal: AbortSignal,
): Promise<AsyncIterable<Said>> {
  const config = ensureConfig({ signal });
  const said = model instanceof QuickChat ? await model.said(messages, config) : null;
  if (said !== null) return said;
  return model instanceof BaseChatModel ? model._streamIterator(messages, config) : model.stream(messages, { signal });
}

/** What is no count is left out: a whole answer is not lost over its bill. */
function countOf(tokens: unknown): number {
  return typeof tokens === 'number' && Number.isFinite(tokens) && tokens > 0 ? Math.floor(tokens) : 0;
}

function brokenAnswer(): PipelineError {
  return new PipelineError('MODEL_ERROR', 'The model’s answer broke off.', true);
}

/** Empty deltas (a role, a finish reason) say nothing. */
function* saidIn({ content, additional_kwargs: extra }: Said): Generator<PipelineEvent> {
  const reasoning = extra['reasoning_content'];
  if (typeof reasoning === 'string' && reasoning !== '') yield { type: 'reasoning', data: { text: reasoning } };

  if (typeof content === 'string') {
    if (content !== '') yield { type: 'text', data: { text: content } };
    return;
  }
  for (const block of content) {
    if (isText(block['text']) && block.type === 'text') yield { type: 'text', data: { text: block['text'] } };
    // LangChain's own name for it, and Anthropic's
    const thought = block['reasoning'] ?? block['thinking'];
    if (isText(thought)) yield { type: 'reasoning', data: { text: thought } };
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** Where the providers' packages put it. */
const FINISH_REASON_FIELDS = ['finish_reason', 'stop_reason', 'done_reason', 'finishReason', 'stopReason'];

const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  ...Object.fromEntries(
    ['end_turn', 'stop_sequence', 'eos', 'eos_token', 'end', 'complete', 'completed', 'finished'].map((word) => [
      word,
      'stop',
    ]),
  ),
  ...Object.fromEntries(
    [
      'max_tokens',
      'model_length',
      'max_length',
      'max_output_tokens',
      'max_completion_tokens',
      'token_limit',
      'model_context_window_exceeded',
    ].map((word) => [word, 'length']),
  ),
  ...Object.fromEntries(['tool_use', 'tool_call', 'function_call'].map((word) => [word, 'tool_calls'])),
  ...Object.fromEntries(
    [
      'safety',
      'refusal',
      'recitation',
      'blocklist',
      'prohibited_content',
      'spii',
      'sensitive',
      'content_filtered',
      'guardrail_intervened',
      'image_safety',
    ].map((word) => [word, 'content_filter']),
  ),
};

function finishReasonOf({ response_metadata: metadata, additional_kwargs: extra }: Said) {
  for (const field of FINISH_REASON_FIELDS) {
    const reason: unknown = metadata[field] ?? extra[field];
    if (isText(reason)) return FINISH_REASONS[reason.toLowerCase()] ?? reason.toLowerCase().slice(0, 64);
  }
  // OpenAI's Responses API, to which LangChain sends the few models that speak nothing else
  if (metadata['status'] === 'completed') return 'stop';
  if (metadata['status'] === 'incomplete') return 'length';
  return undefined;
}
