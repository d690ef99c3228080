import { describe, expect, it } from '@jest/globals';
import { AIMessage, ToolMessage } from '@langchain/core/messages';
import { toLangChainMessages } from './messages.ts';

describe('a conversation in LangChain’s terms', () => {
  it('keeps roles, order and text', () => {
    const messages = toLangChainMessages([
      { role: 'system', content: 's' },
      { role: 'user', content: ' u\n' },
      { role: 'assistant', content: 'a' },
    ]);
    expect(messages.map(({ type, content }) => [type, content])).toEqual([
      ['system', 's'],
      ['human', ' u\n'],
      ['ai', 'a'],
    ]);
  });

  it('gives each tool answer the call that providers insist on', () => {
    const [, caller, first, second] = toLangChainMessages([
      { role: 'user', content: 'u' },
      { role: 'assistant', content: 'I look' },
      { role: 'tool', content: '1' },
      { role: 'tool', content: '2' },
    ]);
    const ids = AIMessage.isInstance(caller) ? caller.tool_calls?.map(({ id }) => id) : [];
    expect([first, second].map((message) => ToolMessage.isInstance(message) && message.tool_call_id)).toEqual(ids);
    expect(new Set(ids).size).toBe(2);
  });

  it('puts in a caller where there is none', () => {
    const messages = toLangChainMessages([
      { role: 'user', content: 'u' },
      { role: 'tool', content: '1' },
    ]);
    expect(messages.map(({ type }) => type)).toEqual(['human', 'ai', 'tool']);
  });
});
