import { describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '@millrace/contracts';
import { NativeThreadFormat, threadCursor } from './thread-frames.ts';

const format = new NativeThreadFormat({ retryMs: 1000 });
const JOB = 'job-of-this-test-1';
const jobOf = (id: string) => ({ id, model: 'openai:m', createdAt: 0, threadId: null });
const connect = () => format.connect(jobOf(JOB));

describe('SSE frames of a thread', () => {
  it('are those of its jobs, with ids that name the job', () => {
    const events: StoredEvent[] = [
      { id: '1-2', type: 'text', data: '{"text":" tok"}' },
      { id: '1-3', type: 'cancelled', data: '{"by":"thread"}' },
    ];
    expect(connect().encode({ events, replay: false })).toEqual({
      bytes: Buffer.from(
        `id: ${JOB}/1-2\ndata: {"text":" tok"}\n\nid: ${JOB}/1-3\nevent: cancelled\ndata: {"by":"thread"}\n\n`,
      ),
      outcome: 'end',
    });
  });

  it('are encoded once for all watchers', () => {
    const batch = { events: [{ id: '1-1', type: 'text', data: '{"text":"a"}' } as const], replay: false };
    expect(connect().encode(batch).bytes).toBe(connect().encode(batch).bytes);
  });

  it('go on with the next job in the same body', () => {
    const encoder = format.follow();
    const done = { events: [{ id: '1-1', type: 'done', data: '{}' } as const], replay: false };
    const next = { events: [{ id: '0-1', type: 'accepted', data: '{}' } as const], replay: false };
    encoder.begin(jobOf(JOB));
    const bytes = Buffer.from(`id: ${JOB}/1-1\nevent: done\ndata: {}\n\n`);
    expect(encoder.encode(done)).toEqual({ bytes, outcome: 'continue' });
    encoder.begin(jobOf('job-of-this-test-2'));
    expect(encoder.encode(next).bytes?.toString()).toBe('id: job-of-this-test-2/0-1\nevent: accepted\ndata: {}\n\n');
  });

  it('resume in the job that the cursor names', () => {
    const position = { jobId: JOB, after: '3-14', skip: 0 } as const;
    expect(format.positionOf(`${JOB}/3-14`)).toEqual(position);
    expect(threadCursor(position)).toBe(`${JOB}/3-14`);
  });

  it('begin with the first job after the cursor of the thread’s start', () => {
    const start = { jobId: null, after: '0-0', skip: 0 } as const;
    expect(threadCursor(start)).toBe('0/0-0');
    expect(format.positionOf('0/0-0')).toEqual(start);
  });

  it.each([
    '0/1-1',
    '1-1',
    '/1-1',
    `${JOB}/`,
    `${JOB}/1`,
    `${JOB}/1-1/2-2`,
    `${JOB}//1-1`,
    `${JOB}/01-1`,
    'short/1-1',
    `1234567890123456/1-1`,
    `${JOB}\n/1-1`,
    `${JOB} /1-1`,
  ])('refuse the cursor %j', (cursor) => {
    expect(format.positionOf(cursor)).toBeNull();
  });
});
