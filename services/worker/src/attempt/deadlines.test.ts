import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { DeadlineExceeded } from './attempt-errors.ts';
import { Deadlines } from './deadlines.ts';

const LIMITS = { firstTokenMs: 1_000, tokenGapMs: 100, totalMs: 5_000 };

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

describe('the deadlines of an attempt', () => {
  it('give the first token its own time', () => {
    const { expired } = start();
    jest.advanceTimersByTime(999);
    expect(expired).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(expired).toEqual(['MODEL_TIMEOUT The model sent nothing within 1000 ms.']);
  });

  it('count the gap from the last token', () => {
    const { deadlines, expired } = start();
    deadlines.onActivity('content');
    for (let token = 0; token < 5; token += 1) {
      jest.advanceTimersByTime(90);
      deadlines.suspend();
      deadlines.resume();
    }
    expect(expired).toEqual([]);
    jest.advanceTimersByTime(100);
    expect(expired).toEqual(['MODEL_TIMEOUT The model stopped sending for 100 ms.']);
  });

  it('restart with any activity, and apply the gap only after the first content', () => {
    const { deadlines, expired } = start();
    for (let comment = 0; comment < 3; comment += 1) {
      jest.advanceTimersByTime(900);
      deadlines.onActivity('alive');
    }
    jest.advanceTimersByTime(900);
    // parts of a tool call, which cannot be published yet
    for (let part = 0; part < 5; part += 1) {
      deadlines.onActivity('content');
      jest.advanceTimersByTime(90);
    }
    expect(expired).toEqual([]);
    jest.advanceTimersByTime(10);
    expect(expired).toEqual(['MODEL_TIMEOUT The model stopped sending for 100 ms.']);
  });

  it('give a retry the time that the first call left', () => {
    const { deadlines, expired } = start();
    jest.advanceTimersByTime(400);
    deadlines.retry();
    jest.advanceTimersByTime(599);
    expect(expired).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(expired).toEqual(['MODEL_TIMEOUT The model sent nothing within 1000 ms.']);
  });

  it('count the time left from the last activity, and restart in full with the retry’s own activity', () => {
    const { deadlines, expired } = start();
    for (let comment = 0; comment < 3; comment += 1) {
      jest.advanceTimersByTime(900);
      deadlines.onActivity('alive');
    }
    jest.advanceTimersByTime(400);
    deadlines.retry();
    jest.advanceTimersByTime(599);
    expect(expired).toEqual([]);
    deadlines.onActivity('alive');
    jest.advanceTimersByTime(999);
    expect(expired).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(expired).toEqual(['MODEL_TIMEOUT The model sent nothing within 1000 ms.']);
  });

  it('give a complete answer time for its usage, however short the gap is', () => {
    const { deadlines, expired } = start();
    deadlines.onActivity('content');
    deadlines.onActivity('complete');
    deadlines.onFirstEvent();
    jest.advanceTimersByTime(1_900);
    deadlines.resume();
    jest.advanceTimersByTime(1_900);
    expect(expired).toEqual([]);
    // the next model call of the same pipeline
    deadlines.onActivity('content');
    jest.advanceTimersByTime(100);
    expect(expired).toEqual(['MODEL_TIMEOUT The model stopped sending for 100 ms.']);
  });

  it('do not count the time in which the worker waits for Redis', () => {
    const { deadlines, expired } = start();
    deadlines.onActivity('content');
    deadlines.suspend();
    jest.advanceTimersByTime(4_000);
    deadlines.resume();
    jest.advanceTimersByTime(99);
    expect(expired).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(expired).toHaveLength(1);
  });

  it('count no silence while an agent calls no model, and each call on its own', () => {
    const { deadlines, expired } = start();
    deadlines.onActivity('idle');
    deadlines.onFirstEvent();
    jest.advanceTimersByTime(2_000);
    deadlines.resume();
    jest.advanceTimersByTime(1_000);
    expect(expired).toEqual([]);
    deadlines.onActivity('called');
    jest.advanceTimersByTime(999);
    deadlines.onActivity('content');
    jest.advanceTimersByTime(99);
    deadlines.onActivity('idle');
    jest.advanceTimersByTime(500);
    expect(expired).toEqual([]);
    deadlines.onActivity('called');
    deadlines.onActivity('content');
    jest.advanceTimersByTime(100);
    expect(expired).toEqual(['MODEL_TIMEOUT The model stopped sending for 100 ms.']);
  });

  it('bound the total time, however active the model is', () => {
    const { deadlines, expired } = start();
    deadlines.onActivity('content');
    for (let ms = 0; ms < 5_000; ms += 50) {
      deadlines.resume();
      jest.advanceTimersByTime(50);
    }
    expect(expired).toEqual(['TIMEOUT The answer took longer than 5000 ms.']);
  });

  it('cap a total time that exceeds the longest timer', () => {
    const { expired } = start({ firstTokenMs: 5_000, tokenGapMs: 100, totalMs: 2 ** 31 });
    jest.advanceTimersByTime(4_999);
    expect(expired).toEqual([]);
  });

  it('leave no timer behind', () => {
    const { deadlines } = start();
    deadlines.onActivity('content');
    deadlines[Symbol.dispose]();
    expect(jest.getTimerCount()).toBe(0);
  });
});
