import { describe, expect, it } from '@jest/globals';
import { AIMessage, ToolMessage } from '@langchain/core/messages';
import { convertMessagesToCompletionsMessageParams } from '@langchain/openai';
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

describe('parts, roles and tool calls', () => {
  const image = { type: 'image' as const, data: 'iVBORw0KGgoAAA==' };
  const called = { callId: 'c1', name: 'look', arguments: '{"n": 12345678901234567890}' };

  it('reach Chat Completions as they are', () => {
    const messages = toLangChainMessages(
      [
        { role: 'developer', content: 'd' },
        {
          role: 'user',
          name: 'ann',
          content: [
            { type: 'text', text: 'what is this?' },
            { type: 'image', url: 'https://a.example/cat.png' },
            image,
            { type: 'audio', data: 'AAAA', mediaType: 'audio/mpeg' },
            { type: 'file', data: 'JVBERi0=', name: 'a.pdf' },
          ],
        },
        { role: 'assistant', content: '', toolCalls: [called] },
        { role: 'tool', toolCallId: 'c1', content: 'a cat' },
      ],
      { provider: 'openai' },
    );
    expect(convertMessagesToCompletionsMessageParams({ messages, model: 'm' })).toEqual([
      { role: 'developer', content: 'd' },
      {
        role: 'user',
        name: 'ann',
        content: [
          { type: 'text', text: 'what is this?' },
          { type: 'image_url', image_url: { url: 'https://a.example/cat.png' } },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgoAAA==' } },
          { type: 'input_audio', input_audio: { data: 'AAAA', format: 'mp3' } },
          { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' } },
        ],
      },
      {
        role: 'assistant',
        content: '',
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'look', arguments: called.arguments } }],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'a cat' },
    ]);
  });

  it('take LangChain’s own form for other providers', () => {
    const [developer, user, assistant, tool] = toLangChainMessages([
      { role: 'developer', content: 'd' },
      { role: 'user', content: [image, { type: 'file', url: 'https://a.example/a.pdf', name: 'a.pdf' }] },
      { role: 'assistant', content: 'I look', toolCalls: [{ ...called, arguments: '{"n":1}' }] },
      { role: 'tool', toolCallId: 'c1', content: 'a cat' },
    ]);
    expect(developer?.type).toBe('system');
    expect(user?.content).toEqual([
      { type: 'image', source_type: 'base64', data: 'iVBORw0KGgoAAA==', mime_type: 'image/png' },
      {
        ...{ type: 'file', source_type: 'url', url: 'https://a.example/a.pdf', mime_type: 'application/pdf' },
        metadata: { filename: 'a.pdf' },
      },
    ]);
    expect(AIMessage.isInstance(assistant) && assistant.tool_calls).toEqual([
      expect.objectContaining({ id: 'c1', name: 'look', args: { n: 1 } }),
    ]);
    expect(ToolMessage.isInstance(tool) && tool.tool_call_id).toBe('c1');
  });

  it('give a tool result without an id the first open call before it', () => {
    const messages = toLangChainMessages([
      { role: 'assistant', content: '', toolCalls: ['c1', 'c2'].map((callId) => ({ ...called, callId })) },
      { role: 'tool', content: '1' },
      { role: 'tool', content: '2' },
      { role: 'tool', content: '3', name: 'third' },
    ]);
    const ids = messages.slice(1).map((message) => ToolMessage.isInstance(message) && message.tool_call_id);
    expect(ids).toEqual(['c1', 'c2', 'call_3']);
    const caller = messages[0];
    expect(AIMessage.isInstance(caller) && caller.tool_calls?.map(({ name }) => name)).toEqual([
      'look',
      'look',
      'third',
    ]);
  });
});
