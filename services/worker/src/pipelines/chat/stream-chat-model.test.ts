import { describe, expect, it } from '@jest/globals';
import { AIMessageChunk } from '@langchain/core/messages';
import { RunnableLambda } from '@langchain/core/runnables';
import type { PipelineEvent } from '../definition/pipeline.ts';
import { streamChatModel } from './stream-chat-model.ts';

type ChunkFields = ConstructorParameters<typeof AIMessageChunk>[0];

/** What a model that streams these chunks is made into. */
async function stream(...chunks: ChunkFields[]) {
  const model = RunnableLambda.from(async function* () {
    for (const fields of chunks) yield new AIMessageChunk(fields);
  });
  const generator = streamChatModel(model as never, [], { signal: new AbortController().signal });
  const events: PipelineEvent[] = [];
  for (;;) {
    const next = await generator.next();
    if (next.done) return { events, result: next.value };
    events.push(next.value);
  }
}

const stop = { content: '', response_metadata: { finish_reason: 'stop' } };

describe('a chat model’s stream', () => {
  it('is passed on delta by delta, exactly; empty ones are dropped', async () => {
    const deltas = ['', ' a', '\n', '', '\ud83c', '\udf0a', '\u2028'];
    const { events } = await stream(...deltas.map((content) => ({ content })), stop);
    expect(events).toEqual(
      [' a', '\n', '\ud83c', '\udf0a', '\u2028'].map((text) => ({ type: 'text', data: { text } })),
    );
  });

  it('may be content blocks', async () => {
    const content = [
      { type: 'thinking', thinking: 'hm' },
      { type: 'reasoning', reasoning: 'so' },
      { type: 'text', text: 'yes' },
      { type: 'image', url: 'x' },
    ];
    const { events } = await stream({ content }, stop);
    expect(events.map(({ type, data }) => [type, 'text' in data && data.text])).toEqual([
      ['reasoning', 'hm'],
      ['reasoning', 'so'],
      ['text', 'yes'],
    ]);
  });

  it('has its tool calls piece by piece, and whole at the end, in order', async () => {
    const part = (index: number, args: string, id?: string, name?: string): ChunkFields => ({
      content: '',
      tool_call_chunks: [{ type: 'tool_call_chunk', index, args, ...(id && { id }), ...(name && { name }) }],
    });
    const { events, result } = await stream(
      part(0, '', 'c0', 'add'),
      part(1, '', 'c1', 'sub'),
      part(0, '{"a":'),
      part(1, '{}'),
      part(0, '1}'),
      { content: '', response_metadata: { finish_reason: 'tool_calls' } },
    );
    expect(events).toEqual([
      { type: 'tool_call_start', data: { callId: 'c0', name: 'add' } },
      { type: 'tool_call_start', data: { callId: 'c1', name: 'sub' } },
      { type: 'tool_call_delta', data: { callId: 'c0', arguments: '{"a":' } },
      { type: 'tool_call_delta', data: { callId: 'c1', arguments: '{}' } },
      { type: 'tool_call_delta', data: { callId: 'c0', arguments: '1}' } },
      { type: 'tool_call', data: { callId: 'c0', name: 'add', arguments: '{"a":1}' } },
      { type: 'tool_call', data: { callId: 'c1', name: 'sub', arguments: '{}' } },
    ]);
    expect(result.finishReason).toBe('tool_calls');
  });

  it('announces a call once its id and its name are known, with what came before', async () => {
    const part = (args: string, more: object): ChunkFields => ({
      content: '',
      tool_call_chunks: [{ type: 'tool_call_chunk', index: 0, args, ...more }],
    });
    const { events } = await stream(part('{', { name: 'add' }), part('"a"', { id: 'c0' }), part(':1}', {}), stop);
    expect(events).toEqual([
      { type: 'tool_call_start', data: { callId: 'c0', name: 'add' } },
      { type: 'tool_call_delta', data: { callId: 'c0', arguments: '{"a"' } },
      { type: 'tool_call_delta', data: { callId: 'c0', arguments: ':1}' } },
      { type: 'tool_call', data: { callId: 'c0', name: 'add', arguments: '{"a":1}' } },
    ]);
  });

  it('ends with tool_calls where a model calls a tool and says stop', async () => {
    const called = { type: 'tool_call_chunk' as const, index: 0, id: 'c0', name: 'add', args: '{}' };
    expect((await stream({ content: '', tool_call_chunks: [called] }, stop)).result.finishReason).toBe('tool_calls');
  });

  it('sums a usage that comes in parts', async () => {
    const usage = (input_tokens: number, output_tokens: number): ChunkFields => ({
      content: '',
      // LangChain's type of this field has no inhabitants in this version
      usage_metadata: { input_tokens, output_tokens, total_tokens: input_tokens + output_tokens } as never,
    });
    const { result } = await stream(usage(7, 0), stop, usage(0, 5));
    expect(result.usage).toEqual({ inputTokens: 7, outputTokens: 5 });
  });

  it.each([
    [{ finish_reason: 'length' }, 'length'],
    [{ stop_reason: 'end_turn' }, 'stop'],
    [{ stop_reason: 'max_tokens' }, 'length'],
    [{ finishReason: 'SAFETY' }, 'content_filter'],
    [{ done_reason: 'stop' }, 'stop'],
    [{ status: 'completed' }, 'stop'],
    [{ finish_reason: 'tired' }, 'tired'],
  ])('tells why it stopped: %j', async (response_metadata, finishReason) => {
    const { result } = await stream({ content: 'a', response_metadata });
    expect(result.finishReason).toBe(finishReason);
  });

  it('is no answer without an end', async () => {
    await expect(stream({ content: 'half' })).rejects.toMatchObject({ code: 'MODEL_ERROR', retryable: true });
  });
});
