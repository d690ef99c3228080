import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { DeadlineExceeded } from './attempt-errors.ts';
import { Deadlines } from './deadlines.ts';

const LIMITS = { firstTokenMs: 1_000, tokenGapMs: 100, wholeMs: 5_000 };

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

function start(limits = LIMITS) {
  const expired: string[] = [];
  const deadlines = new Deadlines(limits, ({ code, message }: DeadlineExceeded) => expired.push(`${code} ${message}`));
  return { deadlines, expired };
}

describe('the clocks of an attempt', () => {
  it('gives the first token its own time', () => {
    const { expired } = start();
    jest.advanceTimersByTime(999);
    expect(expired).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(expired).toEqual(['MODEL_TIMEOUT The model said nothing within 1000 ms.']);
  });

  it('counts the gap from the last token', () => {
    const { deadlines, expired } = start();
    deadlines.heard(true);
    for (let token = 0; token < 5; token += 1) {
      jest.advanceTimersByTime(90);
      deadlines.hold();
      deadlines.listen();
    }
    expect(expired).toEqual([]);
    jest.advanceTimersByTime(100);
    expect(expired).toEqual(['MODEL_TIMEOUT The model fell silent for 100 ms.']);
  });

  it('starts anew with each sign of life, and gives the first word its own time until there is one', () => {
    const { deadlines, expired } = start();
    for (let comment = 0; comment < 3; comment += 1) {
      jest.advanceTimersByTime(900);
      deadlines.heard(false);
    }
    jest.advanceTimersByTime(900);
    // a part of a tool call, of which nothing can be published yet
    for (let part = 0; part < 5; part += 1) {
      deadlines.heard(true);
      jest.advanceTimersByTime(90);
    }
    expect(expired).toEqual([]);
    jest.advanceTimersByTime(10);
    expect(expired).toEqual(['MODEL_TIMEOUT The model fell silent for 100 ms.']);
  });

  it('gives a call that is made again what is left of the first one’s time', () => {
    const { deadlines, expired } = start();
    jest.advanceTimersByTime(400);
    deadlines.again();
    jest.advanceTimersByTime(599);
    expect(expired).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(expired).toEqual(['MODEL_TIMEOUT The model said nothing within 1000 ms.']);
  });

  it('counts what is left from the last sign of life on, and gives the call that is made again whole clocks from its own', () => {
    const { deadlines, expired } = start();
    for (let comment = 0; comment < 3; comment += 1) {
      jest.advanceTimersByTime(900);
      deadlines.heard(false);
    }
    jest.advanceTimersByTime(400);
    deadlines.again();
    jest.advanceTimersByTime(599);
    expect(expired).toEqual([]);
    deadlines.heard(false);
    jest.advanceTimersByTime(999);
    expect(expired).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(expired).toEqual(['MODEL_TIMEOUT The model said nothing within 1000 ms.']);
  });

  it('does not count the time in which the worker waits for Redis', () => {
    const { deadlines, expired } = start();
    deadlines.heard(true);
    deadlines.hold();
    jest.advanceTimersByTime(4_000);
    deadlines.listen();
    jest.advanceTimersByTime(99);
    expect(expired).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(expired).toHaveLength(1);
  });

  it('bounds the whole, however lively the model is', () => {
    const { deadlines, expired } = start();
    deadlines.heard(true);
    for (let ms = 0; ms < 5_000; ms += 50) {
      deadlines.listen();
      jest.advanceTimersByTime(50);
    }
    expect(expired).toEqual(['TIMEOUT The answer took longer than 5000 ms.']);
  });

  it('takes a whole that is longer than a timer can be for the longest one', () => {
    const { expired } = start({ firstTokenMs: 5_000, tokenGapMs: 100, wholeMs: 2 ** 31 });
    jest.advanceTimersByTime(4_999);
    expect(expired).toEqual([]);
  });

  it('leaves no timer behind', () => {
    const { deadlines } = start();
    deadlines.heard(true);
    deadlines[Symbol.dispose]();
    expect(jest.getTimerCount()).toBe(0);
  });
});
