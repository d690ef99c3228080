import { describe, expect, it } from '@jest/globals';
import { wireState, wireValues } from './state.ts';

const messages = [
  { role: 'user', content: 'Hi', messageId: 'm1' },
  { role: 'assistant', content: 'Hello', messageId: 'm2' },
];

describe('the state of a thread', () => {
  it('of an agent is a checkpoint with its questions', () => {
    const state = wireState('t1', {
      ...{ checkpointId: 'c2', parentId: 'c1', createdAt: '2026-01-01T00:00:00.000Z', next: ['other', 'ask'] },
      values: { messages, plan: ['a'] },
      interrupts: [{ interruptId: 'i1', value: 'Send it?', node: 'ask' }],
      metadata: { source: 'loop', step: 2 },
      origin: { job: 'j1', pipeline: 'mail' },
    });
    expect(state).toMatchObject({
      ...{ next: ['other', 'ask'], created_at: '2026-01-01T00:00:00.000Z' },
      values: {
        messages: [
          { type: 'human', id: 'm1' },
          { type: 'ai', id: 'm2' },
        ],
        plan: ['a'],
      },
      checkpoint: { thread_id: 't1', checkpoint_ns: '', checkpoint_id: 'c2', checkpoint_map: null },
      parent_checkpoint: { checkpoint_id: 'c1' },
      tasks: [
        { name: 'other', interrupts: [] },
        { name: 'ask', interrupts: [{ id: 'i1', value: 'Send it?' }] },
      ],
      metadata: { source: 'loop', step: 2, thread_id: 't1', run_id: 'j1', graph_id: 'mail' },
      interrupts: [{ id: 'i1', value: 'Send it?' }],
    });
  });

  it('of a chat has a checkpoint as soon as something was said', () => {
    expect(wireState('t1', { values: { messages } })).toMatchObject({
      ...{ next: [], tasks: [], parent_checkpoint: null, checkpoint: { checkpoint_id: 'm2' } },
    });
    expect(wireState('t1', { values: { messages: [] } }).checkpoint).toBeNull();
  });
});

describe('the messages in a state', () => {
  it('have the form of LangChain, wherever they are', () => {
    expect(wireValues({ inner: { messages: [{ role: 'user', content: 'x' }] }, last: messages[1] })).toMatchObject({
      ...{ inner: { messages: [{ type: 'human', content: 'x' }] }, last: { type: 'ai', id: 'm2' } },
    });
  });

  it('have the text of a model as a string', () => {
    const text = (words: string) => ({ type: 'text', text: words, index: 0 });
    const image = { type: 'image', url: 'x' };
    expect(
      wireValues({
        messages: [
          { type: 'ai', id: 'a', content: [text('one '), text('two')] },
          { type: 'ai', content: [text('x'), image] },
        ],
      }),
    ).toEqual({
      messages: [
        { type: 'ai', id: 'a', content: 'one two' },
        { type: 'ai', content: [text('x'), image] },
      ],
    });
  });

  it('stay as they are where they have it, and so does what only looks like one', () => {
    const values = {
      messages: [
        { type: 'human', content: 'x', id: 'm1' },
        { role: 'user', content: 'x', mood: 'good' },
      ],
      people: [{ role: 'user', content: 'x' }, { role: 'admin' }, null, 'text'],
    };
    expect(wireValues(values)).toEqual(values);
  });
});
