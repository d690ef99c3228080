import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { eventId } from '@millrace/contracts';
import type { FollowOptions, Subscribers } from '@millrace/stream-log';
import type { Readiness } from '../health/readiness.ts';
import type { DisconnectLeases } from './disconnect-leases.ts';
import type { AcceptedJob } from './intake.ts';
import { WaitForJob } from './wait-for-job.ts';

const JOB = { jobId: 'job', status: 'queued', attempt: 1, lastEventId: eventId(1, 7), isNew: false } as AcceptedJob;

/** A wait whose job says nothing until the test does. */
function waiting({ fails = false, needsEnd = false } = {}) {
  const [gone, drain, leave] = [new AbortController(), new AbortController(), new AbortController()];
  const calls: string[] = [];
  const attached = Promise.withResolvers<FollowOptions['sink']>();
  const cursors: string[] = [];
  const subscribers = {
    follow: async (_id: string, { after, sink }: FollowOptions) => {
      cursors.push(after);
      if (fails) throw new Error('Redis is away');
      attached.resolve(sink);
      return { alreadyEnded: false, close: () => calls.push('closed') };
    },
  };
  const lease = { readerLost: () => calls.push('lost'), answered: () => calls.push('answered') };
  const wait = new WaitForJob(
    subscribers as unknown as Subscribers,
    { acquire: () => lease } as unknown as DisconnectLeases,
    { drainSignal: drain.signal, leaveSignal: leave.signal } as unknown as Readiness,
  );
  const done = wait.run(JOB, { waitMs: 300_000, gone: gone.signal, needsEnd });
  return { done, gone, drain, leave, calls, cursors, attached: attached.promise };
}

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

describe('waiting for a job', () => {
  it('ends with the job, and keeps no timer', async () => {
    const { done, calls, attached } = waiting();
    (await attached).end('terminal');
    expect(await done).toBe(true);
    expect(calls).toEqual(['closed', 'answered']);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('reads nothing of what the job has said already', async () => {
    const { done, cursors, attached } = waiting();
    (await attached).end('terminal');
    await done;
    expect(cursors).toEqual(['1-7']);
  });

  it('ends when the time is up', async () => {
    const { done, calls, attached } = waiting();
    await attached;
    jest.advanceTimersByTime(300_000);
    await done;
    expect(calls).toEqual(['closed', 'answered']);
  });

  it.each([
    ['the client is gone', 'gone', 'lost'],
    ['the node is to stop', 'drain', 'answered'],
  ] as const)('ends when %s, and keeps no timer', async (_, who, outcome) => {
    const { done, calls, attached, ...signals } = waiting();
    await attached;
    signals[who].abort();
    await done;
    expect(calls).toEqual(['closed', outcome]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('goes on while the node drains if only the end is an answer, and loses its reader when the node closes', async () => {
    const { done, calls, attached, drain, leave } = waiting({ needsEnd: true });
    await attached;
    drain.abort();
    expect(calls).toEqual([]);
    leave.abort();
    expect(await done).toBe(false);
    expect(calls).toEqual(['closed', 'lost']);
  });

  it('keeps no timer when the job cannot be followed', async () => {
    const { done } = waiting({ fails: true });
    await expect(done).rejects.toThrow('Redis is away');
    expect(jest.getTimerCount()).toBe(0);
  });
});
