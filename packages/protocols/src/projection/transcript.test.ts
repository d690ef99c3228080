import { describe, expect, it } from '@jest/globals';
import { eventId } from '@millrace/contracts';
import fc from 'fast-check';
import { answers, piecesOf } from '../testing/histories.ts';
import { type DeltaEvent, readEvent, startOfDelta, withoutStart } from './read-event.ts';
import { Transcript } from './transcript.ts';

const text = (said: string, messageId?: string) =>
  readEvent({ id: eventId(1, 1), type: 'text', data: JSON.stringify({ messageId, text: said }) }) as DeltaEvent;

function transcriptOf(pieces: readonly string[]): Transcript {
  return pieces.reduce((transcript, piece) => transcript.add(text(piece)), Transcript.empty());
}

const sizes = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 9 });

describe('a transcript', () => {
  it('is the same for the same text, however it was cut (property)', () => {
    fc.assert(
      fc.property(answers, sizes, sizes, (said, one, other) => {
        const [left, right] = [transcriptOf(piecesOf(said, one)), transcriptOf(piecesOf(said, other))];
        expect(left.length).toBe(right.length);
        expect(left.equals(right)).toBe(true);
      }),
    );
  });

  it('is another one for another text, also of the same length (property)', () => {
    fc.assert(
      fc.property(answers, answers, sizes, (said, other, lengths) => {
        fc.pre(said !== other);
        expect(transcriptOf(piecesOf(said, lengths)).equals(transcriptOf(piecesOf(other, lengths)))).toBe(false);
        const changed = `${said}a`;
        expect(transcriptOf(piecesOf(changed, lengths)).equals(transcriptOf([`${said}b`]))).toBe(false);
      }),
    );
  });

  it('knows how many characters of a delta lead to another one (property)', () => {
    fc.assert(
      fc.property(answers, fc.nat(), fc.nat(), (said, first, second) => {
        fc.pre(said.length >= 2);
        const [from, to] = [first % said.length, second % (said.length + 1)].sort((one, other) => one - other) as [
          number,
          number,
        ];
        fc.pre(from < to);
        const [before, known] = [transcriptOf([said.slice(0, from)]), transcriptOf([said.slice(0, to)])];
        const rest = text(said.slice(from));
        const chars = before.charsUpTo(known.length, rest);
        // two halves are longer than the character that they make
        fc.pre(!/[\ud800-\udbff]$/.test(said.slice(0, from)));
        expect(chars).toBe(to - from);
        expect(before.add(startOfDelta(rest, chars)).equals(known)).toBe(true);
        expect(
          before
            .add(startOfDelta(rest, chars))
            .add(withoutStart(rest, chars))
            .equals(transcriptOf([said])),
        ).toBe(true);
      }),
    );
  });

  it('tells messages, kinds and facts from text', () => {
    const alone = Transcript.empty().add(text('a')).add(text('b'));
    expect(alone.equals(Transcript.empty().add(text('a')).add(text('b', 'm')))).toBe(false);
    expect(alone.equals(transcriptOf(['ab']))).toBe(true);
  });
});
