import { describe, expect, it } from '@jest/globals';
import type { JobRef } from '@millrace/contracts';
import { createLogger } from '@millrace/runtime';
import type { JobOutline } from '@millrace/stream-log';
import { JobThreads, type JobThreadsPorts } from './job-threads.ts';

const REF = 'acme.a-job' as JobRef;
const BEGUN = { kind: 'begun', attempt: 1, request: { pipeline: 'agent', messages: [] } };

/** A job without a thread, which is as it is told when its own thread has been made. */
function claiming(job: Pick<JobOutline, 'status'> | null) {
  const calls: string[] = [];
  const ports = {
    threads: {
      claimPrivate: async () => ({ kind: 'claimed', head: null }),
      leave: async ({ jobId }: { jobId: string }) => {
        calls.push(`${jobId} leaves`);
        return { outcome: 'erased', next: null };
      },
    },
    savers: { forget: async () => calls.push('forgotten') },
    reader: { outline: async () => job },
    pipelines: { find: () => ({ kind: 'agent' }) },
    logger: createLogger({ service: 'test', level: 'silent' }),
  };
  const threads = new JobThreads(ports as unknown as JobThreadsPorts);
  const claimed = threads.claim(REF, BEGUN as unknown as Parameters<JobThreads['claim']>[1], 'token');
  return { claimed, calls };
}

describe('the own thread of a job', () => {
  it.each([
    ['was erased', null],
    ['was cancelled', { status: 'cancelled' } as const],
  ])('goes at once if the job %s before its worker made it', async (_, job) => {
    const { claimed, calls } = claiming(job);
    expect(await claimed).toBe('not-active');
    expect(calls).toEqual(['a-job leaves', 'forgotten']);
  });

  it('is the attempt’s as long as the job runs', async () => {
    const { claimed, calls } = claiming({ status: 'active' });
    expect(await claimed).toMatchObject({ head: null });
    expect(calls).toEqual([]);
  });
});
