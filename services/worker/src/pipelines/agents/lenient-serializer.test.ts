import { describe, expect, it } from '@jest/globals';
import { AIMessage, AIMessageChunk, HumanMessage, ToolMessage } from '@langchain/core/messages';
import { Send } from '@langchain/langgraph';
import { MemorySaver } from '@langchain/langgraph-checkpoint';
import { LenientSerializer } from './lenient-serializer.ts';

const { serde } = new MemorySaver();
const lenient = new LenientSerializer(serde);

async function again(value: unknown): Promise<unknown> {
  return lenient.loadsTyped(...(await lenient.dumpsTyped(value)));
}

describe('state with what JSON cannot hold', () => {
  it('is kept, with bigints as their digits', async () => {
    expect(await again(10n)).toBe('10');
    expect(await again({ n: 10n, map: new Map([['a', 1n]]), set: new Set([2n]), at: new Date(0) })).toEqual({
      ...{ n: '10', map: new Map([['a', '1']]), set: new Set(['2']), at: '1970-01-01T00:00:00.000Z' },
    });
    const [message] = (await again([new AIMessage({ content: 'hi', additional_kwargs: { n: 1n } })])) as [AIMessage];
    expect(message).toBeInstanceOf(AIMessage);
    expect([message.content, message.additional_kwargs]).toEqual(['hi', { n: '1' }]);
    expect(await again(new Send('node', { n: 1n }))).toMatchObject({ node: 'node', args: { n: '1' } });
    const ring: Record<string, unknown> = { n: 1n };
    ring['self'] = ring;
    expect(await again(ring)).toEqual({ n: '1', self: '[Circular]' });
  });

  const calls = [{ id: 'c', name: 'look', args: { at: [1, null] }, type: 'tool_call' as const }];
  const usage = { input_tokens: 1, output_tokens: 2, total_tokens: 3 };
  const message = new AIMessageChunk({ content: 'hé', id: 'm', tool_calls: calls, response_metadata: { usage } });
  const ring: Record<string, unknown> = { n: 1 };
  ring['self'] = [ring, ring];

  it.each([
    ...[['a text'], [{ a: [1] }], [new Date(0)], [new Set([1])], [null], [undefined], [new Uint8Array([1])]],
    ...[[Number.NaN], [-0], [true], [{ a: undefined }], [[undefined]], [{ a: new Map([[1, { b: new Set() }]]) }]],
    ...[[new Error('e')], [/r/g], [() => 1], [new Send('node', { a: 1 })], [{ lg_name: 'Send', node: 'n', args: 1 }]],
    ...[[{ a: { toJSON: () => ({ b: new Date(0) }) } }], [Object.create(null)], [JSON.parse('{"__proto__":{"a":1}}')]],
    ...[[[new HumanMessage('hi'), message, new ToolMessage({ content: 'x', tool_call_id: 'c' })]], [ring]],
  ])('is written as LangGraph writes it where that can: %p', async (value) => {
    expect(await lenient.dumpsTyped(value)).toEqual(await serde.dumpsTyped(value));
  });
});
