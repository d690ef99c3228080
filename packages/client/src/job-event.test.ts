import { describe, expect, it } from '@jest/globals';
import {
  type CreateJobBody,
  isTerminal as endsJob,
  type JobView,
  STREAM_EVENTS,
  type StreamEventData,
} from '@millrace/contracts';
import { isJobEventType, isTerminal, type JobEvent, type JobEventData } from './job-event.ts';
import type { JobView as ClientJobView, NewJob } from './job-view.ts';

/** Compiles only if every A is a B. */
function fits<A extends B, B>(): A | undefined {
  return undefined;
}

describe('the client’s events', () => {
  it.each(Object.keys(STREAM_EVENTS))('know %s, and whether it ends a job, as the server does', (type) => {
    expect(isJobEventType(type)).toBe(true);
    expect(isTerminal({ id: '1-1', type, data: {} } as unknown as JobEvent)).toBe(endsJob(type));
  });

  it('and jobs have the types of the server’s, which this package may not import', () => {
    fits<StreamEventData, JobEventData>();
    fits<keyof JobEventData, keyof StreamEventData>();
    fits<JobView, ClientJobView>();
    fits<keyof CreateJobBody, keyof NewJob>();
  });

  it('ignore types of a newer server', () => {
    expect(['new_event', 'toString', ''].filter(isJobEventType)).toEqual([]);
  });
});
