import type { JobError, JobView } from '@millrace/contracts';
import { NewerFormat } from '../errors.ts';
import type { JobOutline } from './record.ts';

/** Said of a job whose words were altered in Redis, or whose key was destroyed. */
export const UNREADABLE: JobError = {
  code: 'INTERNAL',
  message: 'What is stored of the job cannot be decrypted.',
  retryable: false,
};

const UNREADABLE_NOW: JobError = { ...UNREADABLE, message: 'The key of the job cannot be had now.', retryable: true };
const OF_A_NEWER_VERSION: JobError = {
  ...UNREADABLE,
  message: 'The job is of a newer version of the service than the node that was asked.',
  retryable: true,
};

/** What callers see of a record. The prompt is left out. A list goes on after a job whose words cannot be read: it says so
 *  itself. @see PROTOCOL.md §5 */
export function viewOf(job: JobOutline): JobView {
  return {
    id: job.jobId,
    status: job.status,
    pipeline: job.pipeline,
    model: job.model,
    attempt: job.attempt,
    createdAt: new Date(job.createdAt).toISOString(),
    startedAt: isoOrNull(job.startedAt),
    firstTokenAt: isoOrNull(job.firstTokenAt),
    finishedAt: isoOrNull(job.finishedAt),
    lastEventId: job.lastEventId,
    usage: job.usage,
    error: shownError(job),
    metadata: job.metadata,
    threadId: job.threadId,
    output: job.output,
    interrupts: job.interrupts,
  };
}

function shownError({ unreadable, error }: JobOutline): JobError | null {
  if (unreadable === null) return error;
  if (unreadable instanceof NewerFormat) return OF_A_NEWER_VERSION;
  return unreadable.reason === 'unavailable' ? UNREADABLE_NOW : UNREADABLE;
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
