import { type AnswerWire, type ModelToolCall, piecesOf, type SaidParts } from './answer-wire.ts';
import type { ModelUsage } from './model-step.ts';

type OutputItem = { readonly id: string; readonly type: string } & Record<string, unknown>;

/** The JSON of OpenAI's responses. @see https://platform.openai.com/docs/api-reference/responses-streaming */
export class ResponseObject implements AnswerWire {
  private readonly id = `resp_${crypto.randomUUID()}`;
  private readonly createdAt = Math.floor(Date.now() / 1000);
  private readonly output: OutputItem[] = [];
  private sequence = 0;
  /** what the open item has said; null: no item is open */
  private open: { readonly type: 'message' | 'reasoning'; readonly id: string; text: string } | null = null;

  constructor(private readonly model: string) {}

  opening(): string[] {
    const response = this.response('in_progress');
    return [this.event('response.created', { response }), this.event('response.in_progress', { response })];
  }

  text(delta: string): string[] {
    const before = this.begin('message');
    return [...before, this.delta('response.output_text.delta', delta, { content_index: 0 })];
  }

  reasoning(delta: string): string[] {
    const before = this.begin('reasoning');
    return [...before, this.delta('response.reasoning_summary_text.delta', delta, { summary_index: 0 })];
  }

  toolCall({ id: callId, name, arguments: args }: ModelToolCall): string[] {
    const before = this.end();
    const id = `fc_${callId}`;
    const item = { id, type: 'function_call', call_id: callId, name };
    const place = { item_id: id, output_index: this.output.length };
    const added = { ...item, status: 'in_progress', arguments: '' };
    const done = { ...item, status: 'completed', arguments: args };
    this.output.push(done);
    return [
      ...before,
      this.event('response.output_item.added', { output_index: place.output_index, item: added }),
      ...piecesOf(args).map((delta) => this.event('response.function_call_arguments.delta', { ...place, delta })),
      this.event('response.function_call_arguments.done', { ...place, arguments: args }),
      this.event('response.output_item.done', { output_index: place.output_index, item: done }),
    ];
  }

  closing(finishReason: string, usage: ModelUsage): string[] {
    const before = this.end();
    const status = finishReason === 'length' ? 'incomplete' : 'completed';
    return [...before, this.event(`response.${status}`, { response: this.response(status, usage) })];
  }

  whole({ text, reasoning, toolCalls }: SaidParts, finishReason: string, usage: ModelUsage): string {
    if (reasoning !== '') this.reasoning(reasoning);
    if (text !== '') this.text(text);
    for (const call of toolCalls) this.toolCall(call);
    this.end();
    return JSON.stringify(this.response(finishReason === 'length' ? 'incomplete' : 'completed', usage));
  }

  private begin(type: 'message' | 'reasoning'): string[] {
    if (this.open?.type === type) return [];
    const before = this.end();
    this.open = { type, id: `${type === 'message' ? 'msg' : 'rs'}_${crypto.randomUUID()}`, text: '' };
    const item = this.item(this.open, 'in_progress');
    return [...before, this.event('response.output_item.added', { output_index: this.output.length, item })];
  }

  private end(): string[] {
    if (this.open === null) return [];
    const item = this.item(this.open, 'completed');
    const done = this.event('response.output_item.done', { output_index: this.output.length, item });
    this.output.push(item);
    this.open = null;
    return [done];
  }

  private item({ type, id, text }: NonNullable<ResponseObject['open']>, status: string): OutputItem {
    if (type === 'reasoning') return { id, type, summary: text === '' ? [] : [{ type: 'summary_text', text }] };
    const content = text === '' ? [] : [{ type: 'output_text', text, annotations: [] }];
    return { id, type, status, role: 'assistant', content };
  }

  private delta(type: string, delta: string, part: object): string {
    if (this.open !== null) this.open.text += delta;
    return this.event(type, { item_id: this.open?.id, output_index: this.output.length, ...part, delta });
  }

  private response(status: string, usage?: ModelUsage): object {
    return {
      id: this.id,
      object: 'response',
      created_at: this.createdAt,
      status,
      model: this.model,
      error: null,
      incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
      output: this.output,
      ...(usage === undefined ? {} : { usage: usageOf(usage) }),
    };
  }

  private event(type: string, fields: object): string {
    return JSON.stringify({ type, sequence_number: this.sequence++, ...fields });
  }
}

function usageOf({ inputTokens, outputTokens }: ModelUsage): object {
  return {
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens_details: { reasoning_tokens: 0 },
  };
}
