import type { JobError, JobView } from '@millrace/contracts';
import { type JobOutline, requireContents } from './record.ts';

/** Said of a job whose words were altered in Redis, or whose key was destroyed. */
export const UNREADABLE: JobError = {
  code: 'INTERNAL',
  message: 'What is stored of the job cannot be decrypted.',
  retryable: false,
};

/** What callers see of a record. The prompt is left out. @see PROTOCOL.md §5
 *  @throws ContentUnreadable `unavailable` */
export function viewOf(job: JobOutline): JobView {
  requireContents(job);
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
    error: job.unreadable === null ? job.error : UNREADABLE,
    metadata: job.metadata,
    threadId: job.threadId,
    output: job.output,
    interrupts: job.interrupts,
  };
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
