import { idOf, type JobRef } from '@millrace/contracts';
import type { StreamedJob } from '@millrace/protocols';

/** What is known of a job that a protocol may tell. */
export type ToldJob = Required<Omit<StreamedJob, 'id' | 'turn'>> & { readonly ref: JobRef };

/** What a protocol may tell of a job, and no more. */
export function streamedJob({ ref, ...job }: ToldJob): StreamedJob {
  const { model, createdAt, threadId, pipeline, metadata, onDisconnect, continues } = job;
  return { id: idOf(ref), model, createdAt, threadId, pipeline, metadata, onDisconnect, continues };
}
