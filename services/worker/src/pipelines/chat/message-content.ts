import type { FinishReason, StreamEvent } from '@millrace/contracts';
import type { MessageDelta } from '../models/openai/delta-stream.ts';

/** What a message, or a part of one, says. Deltas without content (a role, a finish reason) yield no event. */
export function* eventsIn({
  content,
  additional_kwargs: extra,
}: Pick<MessageDelta, 'content' | 'additional_kwargs'>): Generator<StreamEvent<'text' | 'reasoning'>> {
  const reasoning = extra['reasoning_content'];
  if (typeof reasoning === 'string' && reasoning !== '') yield { type: 'reasoning', data: { text: reasoning } };

  if (typeof content === 'string') {
    if (content !== '') yield { type: 'text', data: { text: content } };
    return;
  }
  for (const block of content) {
    if (isText(block['text']) && block.type === 'text') yield { type: 'text', data: { text: block['text'] } };
    // LangChain's name, and Anthropic's
    const thinking = block['reasoning'] ?? block['thinking'];
    if (isText(thinking)) yield { type: 'reasoning', data: { text: thinking } };
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** Where the providers' packages put the finish reason. */
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
      'incomplete',
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

/** @returns undefined where a message, or a part of one, has none */
export function finishReasonOf({
  response_metadata: metadata,
  additional_kwargs: extra,
}: Pick<MessageDelta, 'response_metadata' | 'additional_kwargs'>): FinishReason | undefined {
  for (const field of FINISH_REASON_FIELDS) {
    const reason: unknown = metadata[field] ?? extra[field];
    if (isText(reason)) return FINISH_REASONS[reason.toLowerCase()] ?? reason.toLowerCase().slice(0, 64);
  }
  // OpenAI's Responses API, which LangChain uses for the few models that support nothing else
  if (metadata['status'] === 'completed') return 'stop';
  if (metadata['status'] === 'incomplete') return 'length';
  return undefined;
}

/** Ignores invalid counts: bad usage must not fail a complete answer. */
export function countOf(tokens: unknown): number {
  return typeof tokens === 'number' && Number.isFinite(tokens) && tokens > 0 ? Math.floor(tokens) : 0;
}
