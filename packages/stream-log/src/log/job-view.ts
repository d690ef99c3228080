import type { JobView } from '@millrace/contracts';
import type { JobOutline } from './record.ts';

/** What callers see of a record. The prompt is left out. @see PROTOCOL.md §5 */
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
    error: job.error,
    metadata: job.metadata,
    threadId: job.threadId,
    output: job.output,
    interrupts: job.interrupts,
  };
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
