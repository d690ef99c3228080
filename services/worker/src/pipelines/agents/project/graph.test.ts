import { describe, expect, it } from '@jest/globals';
import { interruptIdOf } from './graph.ts';

describe('the id of a question', () => {
  it('is LangGraph’s own, and in versions that have none the task that asks', () => {
    const value = 'sure?';
    const ns = ['outer:1', 'inner:2'];
    expect(interruptIdOf({ id: 'a', value })).toBe('a');
    expect(interruptIdOf({ interrupt_id: 'b', ns, value })).toBe('b');
    expect(interruptIdOf({ ns, value })).toBe('outer:1|inner:2');
  });
});
