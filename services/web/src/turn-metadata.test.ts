import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { turnMetadata, turnOf } from './turn-metadata.ts';

describe('what a job carries of its turn', () => {
  it('brings back any question that fits, and the turn before (property)', () => {
    const question = fc.string({ unit: 'binary', minLength: 1, maxLength: 4000 });
    fc.assert(
      fc.property(question, fc.option(fc.string({ minLength: 1 })), (text, previous) => {
        expect(turnOf({ id: 'x', metadata: turnMetadata(text, previous) })).toEqual({
          id: 'x',
          question: text,
          previous,
        });
      }),
    );
  });

  it('keeps to 16 values of 512 characters, however long the question', () => {
    const metadata = turnMetadata('q'.repeat(100_000), 'previous-request');
    expect(Object.keys(metadata)).toHaveLength(16);
    for (const value of Object.values(metadata)) expect(value.length).toBeLessThanOrEqual(512);
    expect(turnOf({ id: 'x', metadata }).question).toBe('q'.repeat(7680));
  });

  it('shows a job of another client without a question', () => {
    expect(turnOf({ id: 'x', metadata: { colour: 'red' } })).toEqual({ id: 'x', question: '', previous: null });
  });
});
