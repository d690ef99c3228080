import { describe, expect, it } from '@jest/globals';
import type { Message } from '@millrace/contracts';
import { conversationOf } from './conversation.ts';

const call = (callId: string) => ({ callId, name: 'look', arguments: '{}' });
const user = (content: string): Message => ({ role: 'user', content });
const assistant = (content: string, ...calls: string[]): Message => ({
  role: 'assistant',
  content,
  ...(calls.length > 0 ? { toolCalls: calls.map(call) } : {}),
});
const result = (toolCallId?: string): Message => ({
  role: 'tool',
  content: 'a cat',
  ...(toolCallId === undefined ? {} : { toolCallId }),
});

describe('the conversation of a thread', () => {
  it('is what it remembers, then what is asked', () => {
    const remembered = [user('a'), assistant('b')];
    expect(conversationOf(remembered, [user('c')])).toEqual([...remembered, user('c')]);
    expect(conversationOf([], [user('c')])).toEqual([user('c')]);
  });

  it('keeps calls that were answered, then or now', () => {
    const remembered = [user('a'), assistant('', 'c1'), result('c1'), assistant('', 'c2', 'c3')];
    const asked = [result('c3'), result('c2'), user('d')];
    expect(conversationOf(remembered, asked)).toEqual([...remembered, ...asked]);
    expect(conversationOf([user('a'), assistant('', 'c1')], [result()])).toEqual([
      user('a'),
      assistant('', 'c1'),
      result(),
    ]);
  });

  it('leaves out calls that nobody answered: no provider takes them', () => {
    expect(conversationOf([user('a'), assistant('I look', 'c1')], [user('b')])).toEqual([
      user('a'),
      assistant('I look'),
      user('b'),
    ]);
    expect(conversationOf([user('a'), assistant('', 'c1')], [user('b')])).toEqual([user('a'), user('b')]);
    expect(conversationOf([assistant('', 'c1', 'c2'), result('c2')], [user('b')])).toEqual([
      assistant('', 'c2'),
      result('c2'),
      user('b'),
    ]);
  });

  it('leaves what is asked as it is', () => {
    const asked = [assistant('', 'c1'), user('b')];
    expect(conversationOf([user('a')], asked)).toEqual([user('a'), ...asked]);
  });
});
