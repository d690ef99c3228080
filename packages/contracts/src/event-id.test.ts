import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compareEventIds, eventId, eventPosition, isEventId, LOG_START } from './event-id.ts';

const position = fc.record({ attempt: fc.nat(1e6), seq: fc.nat(1e6) });

describe('event ids', () => {
  it('orders by attempt, then by seq, as integers', () => {
    expect(compareEventIds('1-9', '1-10')).toBeLessThan(0);
    expect(compareEventIds('2-1', '1-99')).toBeGreaterThan(0);
    expect(compareEventIds('1-1', '1-1')).toBe(0);
    expect(compareEventIds(LOG_START, '0-1')).toBeLessThan(0);
  });

  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(position, ({ attempt, seq }) => {
        const id = eventId(attempt, seq);
        expect(isEventId(id)).toBe(true);
        expect(eventPosition(id)).toEqual({ attempt, seq });
      }),
    );
  });

  it.each(['', '1', '1-', '-1', '01-1', '1-01', '+1-1', '1-1 ', '1-1\n', '1_1', '1-1-1', '9999999999999999-1', '$'])(
    'refuses %j',
    (text) => expect(isEventId(text)).toBe(false),
  );

  it('rejects anything else (fuzz)', () => {
    fc.assert(
      fc.property(fc.string(), (text) =>
        expect(isEventId(text)).toBe(/^(0|[1-9]\d{0,14})-(0|[1-9]\d{0,14})$/.test(text)),
      ),
    );
  });
});
