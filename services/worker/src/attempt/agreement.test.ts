import { describe, expect, it } from '@jest/globals';
import type { Message } from '@millrace/contracts';
import { agreement } from './agreement.ts';

const user = (content: Message['content']): Message => ({ role: 'user', content });
const caller = (json: string): Message => ({
  ...{ role: 'assistant', content: '' },
  toolCalls: [{ callId: 'c1', name: 'look', arguments: json }],
});

describe('the agreement of two conversations', () => {
  it.each<[readonly Message[], readonly Message[], number]>([
    [[], [], 0],
    [[], [user('a')], 0],
    [[user('a')], [], 0],
    [[user('a')], [user('a'), user('b')], 1],
    [[user('a'), user('b')], [user('a')], 1],
    [[user('a'), user('b')], [user('a'), user('c')], 1],
    [[user('a')], [{ role: 'assistant', content: 'a' }], 0],
    [[user('a')], [user([{ type: 'text', text: 'a' }])], 1],
    [[user([{ type: 'text', text: 'a' }])], [user([{ type: 'text', text: 'b' }])], 0],
    [[{ ...user('a'), name: 'x' }], [user('a')], 1],
    [[caller('{"a":1}')], [caller('{ "a": 1 }')], 1],
    [[caller('{"a":1}')], [caller('{"a":2}')], 0],
    [[{ role: 'tool', content: 'x', toolCallId: 'c1' }], [{ role: 'tool', content: 'x', toolCallId: 'c2' }], 0],
  ])('%#', (one, other, expected) => {
    expect(agreement(one, other)).toBe(expected);
  });
});
