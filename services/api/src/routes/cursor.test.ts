import { describe, expect, it } from '@jest/globals';
import { compareEventIds, eventId, eventPosition } from '@millrace/contracts';
import { NativeFormat } from '@millrace/protocols';
import fc from 'fast-check';
import type { FastifyRequest } from 'fastify';
import { InvalidCursor } from '../http/problem.ts';
import { readListCursor, writeListCursor } from '../jobs/list-cursor.ts';
import { cursorOf as readCursor } from './cursor.ts';

const format = new NativeFormat({ retryMs: 1 });
const cursorOf = (request: FastifyRequest) => readCursor(request, format)?.after ?? null;

function requestWith(header: unknown, query: unknown): FastifyRequest {
  return { headers: { 'last-event-id': header }, query: { lastEventId: query } } as unknown as FastifyRequest;
}

/** @returns what was read, or the code of the refusal
 *  @throws anything else */
function outcomeOf(read: () => string | null): string | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof InvalidCursor) return error.code;
    throw error;
  }
}

const part = fc.oneof(
  fc.nat(),
  fc.bigInt().map(String),
  fc.constantFrom('', '0', '00', '01', '1e3', '0x1', '-1', ' 1', '١'),
);
const nearly = fc.tuple(part, fc.constantFrom('-', '--', '–', ':', ''), part).map((parts) => parts.join(''));
const anything = fc.oneof(
  nearly,
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constant(undefined),
  fc.array(fc.string()),
  fc.object(),
);

describe('a cursor (PROTOCOL §4)', () => {
  it('is a canonical event id, nothing, or INVALID_CURSOR, whatever was sent (property)', () => {
    fc.assert(
      fc.property(anything, anything, (header, query) => {
        const given = header ?? query;
        const outcome = outcomeOf(() => cursorOf(requestWith(header, query)));
        if (outcome === null) expect([undefined, '']).toContain(given);
        else if (outcome !== 'INVALID_CURSOR') {
          const { attempt, seq } = eventPosition(cursorOf(requestWith(header, query)) ?? '0-0');
          expect([outcome, Number.isSafeInteger(attempt), Number.isSafeInteger(seq)]).toEqual([given, true, true]);
          expect(eventId(attempt, seq)).toBe(given);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('is accepted for every possible event id (property)', () => {
    const id = fc.tuple(fc.nat(10 ** 15 - 1), fc.nat(10 ** 15 - 1)).map(([attempt, seq]) => eventId(attempt, seq));
    fc.assert(
      fc.property(id, id, (one, other) => {
        expect([cursorOf(requestWith(one, other)), cursorOf(requestWith(undefined, other))]).toEqual([one, other]);
        expect(Math.sign(compareEventIds(one, other))).toBe(-Math.sign(compareEventIds(other, one)) + 0);
      }),
    );
  });
});

describe('a cursor of the list (PROTOCOL §5)', () => {
  it('restores the position that it was made of', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (place) => {
        expect(readListCursor(writeListCursor(String(place)))).toBe(String(place));
      }),
    );
  });

  it.each(['9007199254740992', '9223372036854775808', '99999999999999999999'])(
    'is refused at %s, which no database need take',
    (place) => {
      expect(outcomeOf(() => readListCursor(writeListCursor(place)))).toBe('INVALID_CURSOR');
    },
  );

  it('is a position or INVALID_CURSOR, whatever was sent (property)', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), fc.base64String(), fc.string().map(writeListCursor)),
        (cursor) => {
          expect(outcomeOf(() => readListCursor(cursor))).toMatch(/^(INVALID_CURSOR|\d{1,16})$/);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
