import { describe, expect, it } from '@jest/globals';
import { eventId, eventPosition, type StoredEvent } from '@millrace/contracts';
import fc from 'fast-check';
import { type EncodableBatch, type LogPosition, UnframableEvent } from '../stream-format.ts';
import { histories, JOB } from '../testing/histories.ts';
import { projectedFormats } from '../testing/projected/frames.ts';

const formats = new Map(projectedFormats);

function formatOf(cursor: 'none' | 'event' | 'attempt-frame' | 'frame') {
  const format = formats.get(cursor);
  if (format === undefined) throw new Error(cursor);
  return format;
}

/** The lines that a reader gets of a log, a batch for each event. */
function linesOf(log: readonly StoredEvent[], cursor: Parameters<typeof formatOf>[0] = 'none', from?: LogPosition) {
  const encoder = formatOf(cursor).connect(JOB, from);
  const lines: string[] = [];
  let outcome = 'continue';
  for (const event of log) {
    const encoded = encoder.encode({ events: [event], replay: false });
    lines.push(...(encoded.bytes?.toString() ?? '').split('\n').slice(0, -1));
    ({ outcome } = encoded);
    if (outcome !== 'continue') break;
  }
  return { lines: lines.map((line) => line.split(' ').slice(2).join(' ')), outcome };
}

const at = (id: `${number}-${number}`, type: StoredEvent['type'], data: object): StoredEvent => ({
  ...{ id, type, data: JSON.stringify(data) },
});
const text = (id: `${number}-${number}`, said: string, messageId?: string) =>
  at(id, 'text', { ...(messageId === undefined ? {} : { messageId }), text: said });
const done = (id: `${number}-${number}`) => at(id, 'done', { finishReason: 'stop' });
const reset = (attempt: number) => at(`${attempt}-1`, 'reset', { attempt, reason: 'worker-lost' });
const started = (attempt: number, seq = 1) => at(eventId(attempt, seq), 'started', { attempt, model: 'm' });
const FIRST = [at('0-1', 'accepted', {}), started(1), text('1-2', 'one '), text('1-3', 'two ')];

const wordsIn = (lines: readonly string[]) =>
  lines.map((line) => (line.startsWith('text ') ? (JSON.parse(line.slice(5)) as { text: string }).text : line));

describe('an attempt that says again what its reader was told (law 19)', () => {
  it('is told from where the reader is, however it is cut', () => {
    const again = [
      reset(2),
      started(2, 2),
      text('2-3', 'o'),
      text('2-4', 'ne two th'),
      text('2-5', 'ree'),
      done('2-6'),
    ];
    const { lines, outcome } = linesOf([...FIRST, ...again]);
    expect(wordsIn(lines)).toEqual(['hello null', 'one ', 'two ', 'th', 'ree', 'done {"finishReason":"stop"}']);
    expect(outcome).toBe('end');
  });

  it('is told nothing new where the whole answer was known', () => {
    const again = [reset(2), started(2, 2), text('2-3', 'one two '), done('2-4')];
    expect(wordsIn(linesOf([...FIRST, ...again]).lines)).toEqual([
      ...['hello null', 'one ', 'two '],
      'done {"finishReason":"stop"}',
    ]);
  });

  it.each<[string, StoredEvent[]]>([
    ['another text', [text('2-3', 'one twice')]],
    ['another text of the same length', [text('2-3', 'one 2wo '), text('2-4', 'x')]],
    ['less', [text('2-3', 'one '), done('2-4')]],
    ['another message', [text('2-3', 'one two ', 'm2'), text('2-4', 'x')]],
    ['reasoning', [at('2-3', 'reasoning', { text: 'one two ' }), text('2-4', 'x')]],
    ['a fact', [text('2-3', 'one'), at('2-4', 'tool_result', { callId: 'c', name: 'n', content: '', isError: false })]],
    ['facts in place of text', Array.from({ length: 20 }, (_, n) => at(eventId(2, 3 + n), 'custom', { data: n }))],
  ])('ends in the error of the protocol where it says %s', (_, said) => {
    const { lines, outcome } = linesOf([...FIRST, reset(2), started(2, 2), ...said, done('2-40')]);
    expect(wordsIn(lines)).toEqual(['hello null', 'one ', 'two ', 'diverged null']);
    expect(outcome).toBe('end');
  });

  it('tells how the job ended at once, where it fails before', () => {
    const end = at('2-4', 'error', { code: 'MODEL_ERROR' });
    const { lines } = linesOf([...FIRST, reset(2), started(2, 2), text('2-3', 'o'), end]);
    expect(wordsIn(lines)).toEqual(['hello null', 'one ', 'two ', 'error {"code":"MODEL_ERROR"}']);
  });

  it('may be lost as well, any number of times', () => {
    const second = [reset(2), started(2, 2), text('2-3', 'one ')];
    const third = [reset(3), started(3, 2), text('3-3', 'one two three'), done('3-4')];
    expect(wordsIn(linesOf([...FIRST, ...second, ...third]).lines)).toEqual([
      ...['hello null', 'one ', 'two ', 'three'],
      'done {"finishReason":"stop"}',
    ]);
  });

  it('greets once where nothing had been said before', () => {
    const log = [at('0-1', 'accepted', {}), started(1), started(2), text('2-2', 'a'), done('2-3')];
    expect(wordsIn(linesOf(log).lines)).toEqual(['hello null', 'a', 'done {"finishReason":"stop"}']);
  });

  it('gives any division into deltas the same words (property)', () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), fc.nat(40), cuts, cuts, (answer, lost, one, other) => {
        const first = deltas(answer.slice(0, lost), 1, one);
        const second = [...deltas(answer, 2, other, 2), done('2-900')];
        for (const cursor of ['none', 'event', 'attempt-frame', 'frame'] as const) {
          const { lines } = linesOf([at('0-1', 'accepted', {}), started(1), ...first, reset(2), ...second], cursor);
          const told = lines.filter((line) => line.startsWith('text '));
          expect(wordsIn(told).join('')).toBe(answer);
          expect(lines.at(-1)).toBe('done {"finishReason":"stop"}');
        }
      }),
    );
  });
});

function deltas(answer: string, attempt: number, sizes: readonly number[], from = 2): StoredEvent[] {
  const events: StoredEvent[] = [];
  for (let at = 0, index = 0; at < answer.length; index += 1) {
    const size = sizes[index % sizes.length] ?? 1;
    events.push(text(eventId(attempt, from + index), answer.slice(at, at + size)));
    at += size;
  }
  return events;
}

describe('a reader who resumes', () => {
  const log = [...FIRST, reset(2), started(2, 2), text('2-3', 'one two three'), text('2-4', ' four'), done('2-5')];
  const fromAttempt = (attempt: number) => log.filter(({ id }) => attempt < 2 || eventPosition(id).attempt >= attempt);

  it('after an event of an earlier attempt hears what the new one adds', () => {
    const from = formatOf('event').positionOf('1-2');
    expect(from).toEqual({ after: '0-0', skip: 0, through: '1-2' });
    const { lines } = linesOf(log, 'event', from ?? undefined);
    expect(wordsIn(lines)).toEqual(['two ', 'three', ' four', 'done {"finishReason":"stop"}']);
  });

  it('after an event of the attempt hears the rest', () => {
    const from = formatOf('event').positionOf('2-3');
    expect(from).toEqual({ after: '2-0', skip: 0, through: '2-3' });
    const { lines } = linesOf(fromAttempt(2), 'event', from ?? undefined);
    expect(wordsIn(lines)).toEqual([' four', 'done {"finishReason":"stop"}']);
  });

  it.each(['2-9', '1-7'] as const)('after an event that the log does not have (%s) is told that it is void', (id) => {
    const from = formatOf('event').positionOf(id) ?? undefined;
    const { lines } = linesOf(fromAttempt(eventPosition(id).attempt), 'event', from);
    expect(lines).toEqual(['diverged null']);
  });

  it('after the last event gets an empty answer', () => {
    const from = formatOf('event').positionOf('2-5') ?? undefined;
    expect(linesOf(fromAttempt(2), 'event', from)).toEqual({ lines: [], outcome: 'end' });
  });

  it('at a numbered frame of the attempt hears the same numbers as everyone else', () => {
    const numbers = (events: readonly StoredEvent[], from?: LogPosition) => {
      const encoder = formatOf('attempt-frame').connect(JOB, from);
      const bytes = events.map((event) => encoder.encode({ events: [event], replay: true }).bytes?.toString() ?? '');
      return bytes
        .flatMap((lines) => lines.split('\n').slice(0, -1))
        .map((line) => line.split(' ').slice(0, 3).join(' '));
    };
    const all = numbers(log);
    expect(all).toEqual([
      ...['0-1 0 hello', '1-2 1 text', '1-3 2 text'],
      ...['2-3 1000001 text', '2-4 1000002 text', '2-5 1000003 done'],
    ]);
    const fresh = numbers(fromAttempt(2));
    expect(fresh).toEqual(['2-2 1000000 hello', ...all.slice(3)]);
    for (const line of [...all, ...fresh]) {
      const number = line.split(' ')[1] ?? '';
      const from = formatOf('attempt-frame').positionOf(number) ?? undefined;
      const attempt = Number(number) >= 1_000_000 ? 2 : 1;
      const rest = numbers(fromAttempt(attempt), from);
      expect(rest).toEqual(all.filter((each) => Number(each.split(' ')[1]) > Number(number)));
    }
  });
});

describe('a reader who was told that the answer is void', () => {
  it.each(['attempt-frame', 'frame'] as const)('and resumes (%s) hears nothing of the new attempt', (cursor) => {
    const log = [...FIRST, reset(2), started(2, 2), text('2-3', 'another'), text('2-4', ' one'), done('2-5')];
    const encoder = formatOf(cursor).connect(JOB);
    const bytes = log.map((event) => encoder.encode({ events: [event], replay: false }).bytes?.toString() ?? '');
    const number = Number(bytes.join('').split('\n').at(-2)?.split(' ')[1]);
    const from = formatOf(cursor).positionOf(String(cursor === 'frame' ? number + 1 : number));
    expect(from?.after).toBe('0-0');
    expect(linesOf(log, cursor, from ?? undefined)).toEqual({ lines: [], outcome: 'end' });
  });
});

describe('frames', () => {
  it('are made once for all readers who are equally far', () => {
    fc.assert(
      fc.property(histories, (log) => {
        for (const [, format] of projectedFormats) {
          const [one, other] = [format.connect(JOB), format.connect(JOB)];
          for (const event of log) {
            const batch: EncodableBatch = { events: [event], replay: false };
            const [first, second] = [one.encode(batch), other.encode(batch)];
            expect(second).toEqual(first);
            if (event.type !== 'reset' && event.id.startsWith('1-') && first.bytes !== null) {
              expect(second.bytes).toBe(first.bytes);
            }
            if (first.outcome !== 'continue') break;
          }
        }
      }),
    );
  });

  it('are not made of an event that is no JSON on one line', () => {
    for (const data of ['{"text":"a\nb"}', '{"text":', '']) {
      const encoder = formatOf('none').connect(JOB);
      expect(() => encoder.encode({ events: [{ id: '1-1', type: 'text', data }], replay: false })).toThrow(
        UnframableEvent,
      );
    }
  });
});
