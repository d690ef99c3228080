import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { WriteGate } from './write-gate.ts';

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] });
});
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

/** Lets all promises and what they schedule for the end of the tick run. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise<void>((resolve) => process.nextTick(resolve));
}

/** A gate before a Redis that answers when the test says so. */
class Line {
  /** what was written, write by write */
  readonly writes: string[][] = [];
  readonly #unanswered: (() => void)[] = [];
  readonly #gate: WriteGate;
  #shared: string[] | null = null;

  constructor(holdMs = 2) {
    const together = (send: () => void) => {
      this.#shared = [];
      send();
      if (this.#shared.length > 0) this.writes.push(this.#shared);
      this.#shared = null;
    };
    this.#gate = new WriteGate({ holdMs, together });
  }

  /** @param andThen what the caller sends when it is answered */
  pass(name: string, { isUrgent = false, fails = false, andThen = '' } = {}): void {
    this.#gate.pass(() => {
      const reply = this.#send(name, fails);
      if (andThen !== '') void reply.then(() => this.pass(andThen));
      return reply;
    }, isUrgent);
  }

  /** fewer than so many in flight are quiet */
  fill(): void {
    for (const name of ['a', 'b', 'c', 'd']) this.pass(name);
  }

  nothing(): void {
    this.#gate.pass(() => null);
  }

  /** What is in flight is answered, in one read. */
  async answer(count = this.#unanswered.length): Promise<void> {
    for (const settle of this.#unanswered.splice(0, count)) settle();
    await settled();
  }

  #send(name: string, fails: boolean): Promise<unknown> {
    if (this.#shared === null) this.writes.push([name]);
    else this.#shared.push(name);
    return new Promise((resolve, reject) => {
      this.#unanswered.push(() => (fails ? reject(new Error('lost')) : resolve(1)));
    });
  }
}

describe('the gate before Redis', () => {
  it('lets everything go at once while the connection is quiet: a lone stream never waits', async () => {
    const line = new Line();
    for (let token = 0; token < 100; token += 1) {
      line.pass(String(token));
      expect(line.writes).toHaveLength(token + 1);
      await line.answer();
    }
    expect(jest.getTimerCount()).toBe(0);
  });

  it('gathers what comes while Redis is busy, and sends it in one write with the answer, in its order', async () => {
    const line = new Line();
    line.fill();
    for (const name of ['e', 'f', 'g']) line.pass(name);
    expect(line.writes).toEqual([['a'], ['b'], ['c'], ['d']]);
    await line.answer();
    expect(line.writes.slice(4)).toEqual([['e', 'f', 'g']]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('takes along what the callers say as soon as they are answered', async () => {
    const line = new Line();
    for (const name of ['a', 'b', 'c', 'd']) line.pass(name, { andThen: `${name} again` });
    line.pass('e');
    await line.answer();
    expect(line.writes.slice(4)).toEqual([['e', 'a again', 'b again', 'c again', 'd again']]);
  });

  it('holds nothing longer than it may when no answer comes, as while Redis is away', () => {
    const line = new Line();
    line.fill();
    line.pass('e');
    jest.advanceTimersByTime(1);
    line.pass('f');
    expect(line.writes).toHaveLength(4);
    jest.advanceTimersByTime(1);
    expect(line.writes.slice(4)).toEqual([['e', 'f']]);
  });

  it('holds nothing longer than it may when the event loop is too busy for timers', () => {
    const line = new Line();
    line.fill();
    line.pass('e');
    jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 2);
    line.pass('f');
    expect(line.writes.slice(4)).toEqual([['e', 'f']]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('lets an urgent command go at once, and what waits with it', () => {
    const line = new Line();
    line.fill();
    line.pass('first of e', { isUrgent: true });
    line.pass('f');
    line.pass('first of g', { isUrgent: true });
    expect(line.writes.slice(4)).toEqual([['first of e'], ['f', 'first of g']]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('gathers no more than one write is worth', () => {
    const line = new Line();
    line.fill();
    for (let token = 0; token < 70; token += 1) line.pass(String(token));
    expect(line.writes.slice(4).map(({ length }) => length)).toEqual([32, 32]);
  });

  it('holds nothing when it is told to hold nothing', () => {
    const line = new Line(0);
    for (let token = 0; token < 40; token += 1) line.pass(String(token));
    expect(line.writes).toHaveLength(40);
  });

  it('counts a command that failed, or was not sent, as answered', async () => {
    const line = new Line();
    for (const name of ['a', 'b', 'c', 'd']) line.pass(name, { fails: true });
    line.pass('e');
    line.nothing();
    await line.answer();
    expect(line.writes.slice(4)).toEqual([['e']]);
    await line.answer();
    line.pass('f');
    expect(line.writes.slice(5)).toEqual([['f']]);
  });

  it('sends each command once, in the order in which it came, within its time, whatever happens (property)', async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('pass' as const), isUrgent: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('answer' as const), count: fc.nat(8) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(0.5, 1, 2) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
        const line = new Line();
        const passedAt: number[] = [];
        for (const each of steps) {
          if (each.kind === 'pass') {
            line.pass(String(passedAt.length), { isUrgent: each.isUrgent });
            passedAt.push(performance.now());
            if (each.isUrgent) expect(line.writes.flat()).toHaveLength(passedAt.length);
          } else if (each.kind === 'answer') await line.answer(each.count);
          else jest.advanceTimersByTime(each.ms);
          const sent = line.writes.flat();
          expect(sent).toEqual(passedAt.slice(0, sent.length).map((_, nth) => String(nth)));
          for (const at of passedAt.slice(sent.length)) expect(performance.now() - at).toBeLessThan(2);
        }
      }),
      { numRuns: 300 },
    );
  });
});
