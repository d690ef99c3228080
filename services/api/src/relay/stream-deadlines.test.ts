import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { RevocationListener } from '../auth/revocations.ts';
import { StreamDeadlines } from './stream-deadlines.ts';

const START = Date.parse('2030-01-01T00:00:00Z');
const DAY_MS = 86_400_000;

let deadlines: StreamDeadlines;
let expired: string[];
let revoked: RevocationListener;

beforeEach(() => {
  jest.useFakeTimers({ now: START });
  expired = [];
  deadlines = new StreamDeadlines({
    onRevoked: (listener) => {
      revoked = listener;
    },
    hasEnded: (id) => id === 'ended',
  });
});
afterEach(() => {
  jest.useRealTimers();
});

/** Adds a stream that expires so many milliseconds after the start. */
function add(name: string, afterMs: number | null, id: string | null = null) {
  const stream = {
    expire() {
      expired.push(name);
      deadlines.remove(stream); // as a connection does when it closes
    },
  };
  deadlines.add(stream, { id, expiresAt: afterMs === null ? null : START + afterMs });
  return stream;
}

describe('the deadlines of streams', () => {
  it('end each stream at its own, in whatever order they were added', () => {
    add('second', 2_000);
    add('first', 1_000);
    add('third', 3_000);
    jest.advanceTimersByTime(999);
    expect(expired).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(expired).toEqual(['first']);
    jest.advanceTimersByTime(2_000);
    expect(expired).toEqual(['first', 'second', 'third']);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('end a stream at once whose deadline has passed', () => {
    add('late', -1);
    jest.advanceTimersByTime(0);
    expect(expired).toEqual(['late']);
  });

  it('may be further away than a timer reaches', () => {
    add('distant', 60 * DAY_MS);
    jest.advanceTimersByTime(60 * DAY_MS - 1);
    expect(expired).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(expired).toEqual(['distant']);
  });

  it('do not wait when a credential is revoked, which ends its streams alone', () => {
    add('one', null, 'key');
    add('the same', 5_000, 'key');
    add('another', 1_000, 'token');
    add('lasting', null);
    revoked(new Set(['key', 'unused']));
    expect(expired).toEqual(['one', 'the same']);
    jest.advanceTimersByTime(5_000);
    expect(expired).toEqual(['one', 'the same', 'another']);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('end a stream at once whose credential was revoked while it was opened', () => {
    add('late', null, 'ended');
    expect(expired).toEqual(['late']);
  });

  it('keep no timer for streams that have ended', () => {
    const [one, other] = [add('one', 1_000), add('other', 2_000)];
    deadlines.remove(one);
    deadlines.remove(other);
    deadlines.remove(other);
    expect(jest.getTimerCount()).toBe(0);
    jest.advanceTimersByTime(3_000);
    expect(expired).toEqual([]);
  });

  it('keep no timer when the node stops', () => {
    add('open', 1_000);
    deadlines.onApplicationShutdown();
    expect(jest.getTimerCount()).toBe(0);
  });
});
