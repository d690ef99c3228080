import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { WriteGate } from './write-gate.ts';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

/** A gate, and what it lets through. */
class Line {
  /** what was written, write by write */
  readonly writes: string[][] = [];
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

  pass(name: string, { isUrgent = false } = {}): void {
    this.#gate.pass(() => {
      if (this.#shared === null) this.writes.push([name]);
      else this.#shared.push(name);
    }, isUrgent);
  }

  /** 4,000 commands a second, until the gate knows of it and holds nothing. */
  busy(): this {
    for (let ms = 0; ms < 60; ms += 1) {
      for (let command = 0; command < 4; command += 1) this.pass('before');
      jest.advanceTimersByTime(1);
    }
    jest.advanceTimersByTime(2);
    this.writes.length = 0;
    return this;
  }
}

describe('the gate before Redis', () => {
  it.each([2, 10, 20])('lets everything go at once where few come: each %i ms', (everyMs) => {
    const line = new Line();
    for (let token = 0; token < 100; token += 1) {
      line.pass(String(token));
      expect(line.writes).toHaveLength(token + 1);
      jest.advanceTimersByTime(everyMs);
    }
    expect(jest.getTimerCount()).toBe(0);
  });

  it('gathers what comes where thousands come each second, and sends it in one write, in its order', () => {
    const line = new Line().busy();
    line.pass('a');
    line.pass('b');
    jest.advanceTimersByTime(1);
    line.pass('c');
    expect(line.writes).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(line.writes).toEqual([['a', 'b', 'c']]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('holds for longer where it may, if fewer come', () => {
    const line = new Line(20);
    for (let token = 0; token < 20; token += 1) {
      line.pass(String(token));
      jest.advanceTimersByTime(5);
    }
    expect(line.writes.at(-1)).toHaveLength(4);
  });

  it.each([2, 100])('never holds a caller that is alone, however fast it is: up to %i ms', (holdMs) => {
    const gate = new WriteGate({ holdMs });
    let sent = 0;
    const send = () => {
      sent += 1;
    };
    for (let token = 1; token <= 1_000; token += 1) {
      gate.pass(send);
      expect(sent).toBe(token);
      if (token % 4 === 0) jest.advanceTimersByTime(1);
    }
    expect(jest.getTimerCount()).toBe(0);
  });

  it('holds nothing any more after a pause', () => {
    const line = new Line().busy();
    jest.advanceTimersByTime(1_000);
    line.pass('a');
    expect(line.writes).toEqual([['a']]);
  });

  it('holds nothing longer than it may when the event loop is too busy for timers', () => {
    const line = new Line().busy();
    line.pass('a');
    jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 2);
    line.pass('b');
    expect(line.writes).toEqual([['a', 'b']]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('lets an urgent command go at once, and what waits with it', () => {
    const line = new Line().busy();
    line.pass('first of a', { isUrgent: true });
    line.pass('b');
    line.pass('first of c', { isUrgent: true });
    expect(line.writes).toEqual([['first of a'], ['b', 'first of c']]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('gathers no more than one write is worth', () => {
    const line = new Line().busy();
    for (let token = 0; token < 70; token += 1) line.pass(String(token));
    expect(line.writes.map(({ length }) => length)).toEqual([32, 32]);
  });

  it('holds nothing when it is told to hold nothing', () => {
    const line = new Line(0).busy();
    for (let token = 0; token < 40; token += 1) line.pass(String(token));
    expect(line.writes).toHaveLength(40);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('sends each command once, in the order in which it came, within its time, whatever the rate (property)', () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('pass' as const), isUrgent: fc.boolean() }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(0.5, 1, 2, 60) }) },
    );
    fc.assert(
      fc.property(fc.boolean(), fc.array(step, { maxLength: 120 }), (isBusy, steps) => {
        const line = isBusy ? new Line().busy() : new Line();
        const passedAt: number[] = [];
        for (const each of steps) {
          if (each.kind === 'pass') {
            line.pass(String(passedAt.length), { isUrgent: each.isUrgent });
            passedAt.push(performance.now());
            if (each.isUrgent) expect(line.writes.flat()).toHaveLength(passedAt.length);
          } else jest.advanceTimersByTime(each.ms);
          const sent = line.writes.flat();
          expect(sent).toEqual(passedAt.slice(0, sent.length).map((_, nth) => String(nth)));
          for (const at of passedAt.slice(sent.length)) expect(performance.now() - at).toBeLessThan(2);
        }
      }),
      { numRuns: 300 },
    );
  });
});
