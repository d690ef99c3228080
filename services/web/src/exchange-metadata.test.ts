import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { exchangeMetadata, exchangeOf } from './exchange-metadata.ts';

describe('what a job carries of its exchange', () => {
  it('brings back any question that fits, and the exchange before (property)', () => {
    const question = fc.string({ unit: 'binary', minLength: 1, maxLength: 4000 });
    fc.assert(
      fc.property(question, fc.option(fc.string({ minLength: 1 })), (text, previous) => {
        expect(exchangeOf({ id: 'x', metadata: exchangeMetadata(text, previous) })).toEqual({
          id: 'x',
          question: text,
          previous,
        });
      }),
    );
  });

  it('keeps to 16 values of 512 characters, however long the question', () => {
    const metadata = exchangeMetadata('q'.repeat(100_000), 'previous-request');
    expect(Object.keys(metadata)).toHaveLength(16);
    for (const value of Object.values(metadata)) expect(value.length).toBeLessThanOrEqual(512);
    expect(exchangeOf({ id: 'x', metadata }).question).toBe('q'.repeat(7680));
  });

  it('shows a job of another client without a question', () => {
    expect(exchangeOf({ id: 'x', metadata: { colour: 'red' } })).toEqual({ id: 'x', question: '', previous: null });
  });
});
