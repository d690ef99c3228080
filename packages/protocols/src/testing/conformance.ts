import { describe, expect, it } from '@jest/globals';
import { compareEventIds, LOG_START, type StoredEvent } from '@millrace/contracts';
import fc from 'fast-check';
import { ProjectionFormat } from '../projection/projection-format.ts';
import type { EncodableBatch, StreamFormat, StreamOutcome } from '../stream-format.ts';
import { answers, histories, JOB, repeatedAttempt } from './histories.ts';

/** One thing that a reader of a protocol learns from a frame. */
export type Said =
  /** a piece of text: adjacent ones of one `of` are the same as one */
  | { readonly kind: 'piece'; readonly of: string; readonly text: string }
  /** anything else, in the protocol's own format */
  | { readonly kind: 'fact'; readonly fact: string }
  /** everything so far is void */
  | { readonly kind: 'reset'; readonly fact: string }
  | { readonly kind: 'end'; readonly isSuccess: boolean };

/** The prefix of `of` that only pieces of the answer's text have. */
export const ANSWER = 'answer';

export interface Frame {
  /** what the reader sends to resume after this frame; null: the protocol has no cursor */
  readonly cursor: string | null;
  readonly said: readonly Said[];
}

export interface ProtocolUnderTest {
  readonly format: StreamFormat;
  /** Reads a body as the protocol's own clients do.
   *  @param body possibly cut anywhere: an incomplete frame at its end is left out */
  readonly read: (body: Buffer) => readonly Frame[];
}

/** What every protocol must do, for any log, any division into batches, and any cut of a connection. */
export function itConforms(name: string, { format, read }: ProtocolUnderTest): void {
  const { canReset, cleanEndMeansSuccess, cursor: kind } = format.connect(JOB);

  /** One connection: from a cursor to the end of the log, or to the connection's own. */
  function connect(log: readonly StoredEvent[], plan: readonly boolean[], cursor: string | null = null) {
    const position = cursor === null ? { after: LOG_START, skip: 0 } : format.positionOf(cursor);
    if (position === null) throw new Error(`${name} does not know its own cursor ${cursor}`);
    const rest = log.filter(({ id }) => compareEventIds(id, position.after) > 0);
    const encoder = format.connect(JOB, cursor === null ? undefined : position);
    const parts: Buffer[] = [];
    let outcome: StreamOutcome = 'continue';
    for (const batch of batchesOf(rest, plan)) {
      expect(outcome).toBe('continue');
      const encoded = encoder.encode(batch);
      if (encoded.bytes !== null) parts.push(encoded.bytes);
      ({ outcome } = encoded);
      if (outcome !== 'continue') break;
    }
    return { parts, body: Buffer.concat(parts), outcome, encoder };
  }

  describe(`${name} (conformance)`, () => {
    const plans = fc.array(fc.boolean(), { minLength: 1, maxLength: 40 });

    it('says the whole answer and how it ended, whatever the log and the batches', () => {
      fc.assert(
        fc.property(histories, plans, (log, plan) => {
          const { body, outcome } = connect(log, plan);
          const said = read(body).flatMap((frame) => frame.said);
          const hasSucceeded = log.at(-1)?.type === 'done';
          const isSuccess = isSuccessful(said, outcome, cleanEndMeansSuccess);
          if (canReset || isSuccess) {
            expect(isSuccess).toBe(hasSucceeded);
            expect(answerOf(said)).toBe(answerIn(log).at(-1));
          } else {
            // it may be aborted early, but with a part of the real answer
            expect(answerIn(log).some((text) => text.startsWith(answerOf(said)))).toBe(true);
          }
        }),
      );
    });

    it('says the same in the same order, however the log is cut into batches, and knows one cursor for each position', () => {
      if (!canReset && kind === 'none') return;
      fc.assert(
        fc.property(histories, plans, plans, (log, plan, otherPlan) => {
          const one = read(connect(log, plan).body);
          const other = read(connect(log, otherPlan).body);
          expect(normal(one)).toEqual(normal(other));
          const places = placesOf(other);
          for (const [cursor, before] of placesOf(one)) {
            if (kind === 'frame') expect([...places.keys()]).toContain(cursor);
            if (places.has(cursor)) expect(before).toEqual(places.get(cursor));
          }
        }),
      );
    });

    it('resumes after a cut at any byte without gap or repeat', () => {
      if (kind === 'none') return;
      fc.assert(
        fc.property(histories, plans, plans, fc.double({ min: 0, max: 1, noNaN: true }), (log, plan, later, where) => {
          const { body } = connect(log, plan);
          const whole = normal(read(body));
          const before = read(body.subarray(0, Math.floor(where * body.length)));
          const last = before.at(-1);
          // an end that no event stands for
          if (last?.cursor === null) return;
          const cursor = last?.cursor ?? null;
          const after = read(connect(log, later, cursor).body);
          expect(normal([...before, ...after])).toEqual(whole);
        }),
      );
    });

    it('says the answer once where a lost attempt is repeated, however it is cut into deltas', () => {
      if (!canReset && !(format instanceof ProjectionFormat)) return;
      const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 });
      fc.assert(
        fc.property(
          answers,
          fc.double({ min: 0, max: 1, noNaN: true }),
          sizes,
          sizes,
          plans,
          (answer, lost, one, other, plan) => {
            const told = answer.slice(0, Math.floor(lost * answer.length));
            const { body, outcome } = connect(repeatedAttempt({ told, answer, one, other }), plan);
            const said = read(body).flatMap((frame) => frame.said);
            expect(answerOf(said)).toBe(answer.toWellFormed());
            expect(isSuccessful(said, outcome, cleanEndMeansSuccess)).toBe(true);
          },
        ),
        { numRuns: canReset ? 10 : 100 },
      );
    });

    it('has an opening, a heartbeat and a hint that are no frames, and break none', () => {
      fc.assert(
        fc.property(histories, plans, (log, plan) => {
          const { parts, encoder } = connect(log, plan);
          const beats = parts.flatMap((part) => [encoder.heartbeat ?? Buffer.of(), part]);
          const padded = [encoder.opening ?? Buffer.of(), ...beats, encoder.retry(5) ?? Buffer.of()];
          expect(read(Buffer.concat(padded))).toEqual(read(Buffer.concat(parts)));
        }),
      );
    });

    it('ends at the terminal event, and not before unless what it sent is void', () => {
      fc.assert(
        fc.property(histories, plans, (log, plan) => {
          const hasReset = log.some(({ type }) => type === 'reset');
          const unfinished = connect(log.slice(0, -1), plan).outcome;
          if (canReset || !hasReset) expect(unfinished).toBe('continue');
          expect(connect(log, plan).outcome).not.toBe('continue');
        }),
      );
    });

    it('refuses cursors that it never issued', () => {
      for (const cursor of ['', '-', 'x', '1-', '1-2-3', '-1', '1e3', ' 1', 'ü'])
        expect(format.positionOf(cursor)).toBeNull();
    });
  });
}

/** @param plan whether a batch ends after an event, and is a page of a backlog; repeated as often as needed */
function batchesOf(log: readonly StoredEvent[], plan: readonly boolean[]): EncodableBatch[] {
  const batches: EncodableBatch[] = [];
  let events: StoredEvent[] = [];
  log.forEach((event, index) => {
    events.push(event);
    if (!plan[index % plan.length] && index < log.length - 1) return;
    batches.push({ events, replay: plan[(index + 1) % plan.length] === true });
    events = [];
  });
  return batches;
}

/** The answer of each attempt in a log, in order. Half characters become the replacement character of UTF-8. */
function answerIn(log: readonly StoredEvent[]): string[] {
  const answers = [''];
  for (const { type, data } of log) {
    if (type === 'reset') answers.push('');
    if (type === 'text') answers.push(answers.pop() + (JSON.parse(data) as { text: string }).text);
  }
  return answers.map((text) => text.toWellFormed());
}

function answerOf(said: readonly Said[]): string {
  const afterReset = said.slice(said.findLastIndex(({ kind }) => kind === 'reset') + 1);
  const pieces = afterReset.map((each) => (each.kind === 'piece' && each.of.startsWith(ANSWER) ? each.text : ''));
  return pieces.join('').toWellFormed();
}

function isSuccessful(said: readonly Said[], outcome: StreamOutcome, cleanEndMeansSuccess: boolean): boolean {
  const end = said.findLast((each) => each.kind === 'end');
  return end?.isSuccess ?? (cleanEndMeansSuccess && outcome === 'end');
}

/** What frames say, with adjacent pieces of one thing joined. */
function normal(frames: readonly Frame[]): Said[] {
  const joined: Said[] = [];
  for (const said of frames.flatMap((frame) => frame.said)) {
    const last = joined.at(-1);
    if (said.kind === 'piece' && last?.kind === 'piece' && last.of === said.of) {
      joined[joined.length - 1] = { ...last, text: last.text + said.text };
    } else if (said.kind !== 'piece' || said.text !== '') {
      joined.push(said);
    }
  }
  return joined;
}

/** For each cursor, what a reader that has it knows. */
function placesOf(frames: readonly Frame[]): Map<string, readonly Said[]> {
  return new Map(
    frames.flatMap(({ cursor }, index) => (cursor === null ? [] : [[cursor, normal(frames.slice(0, index + 1))]])),
  );
}
