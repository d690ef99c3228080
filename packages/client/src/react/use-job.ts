import { useMemo } from 'react';
import { createJobStore } from '../conversation/job-store.ts';
import type { JobSnapshot } from '../conversation/snapshot.ts';
import type { JobStore } from '../conversation/store.ts';
import type { Job } from '../job.ts';
import { useMillrace } from './client-context.ts';
import { useStore } from './use-store.ts';

/** What a job shows, and what can be done with it. */
export type UsedJob = JobSnapshot & Pick<JobStore, 'stop' | 'reload'>;

/** One job, drawn anew whenever something of it changes, from its first event. Leaving the page detaches: the job continues.
 *  @param job what `jobs.create` gave, or an id
 *  @example
 *  const { answer, stop } = useJob(jobId); */
export function useJob(job: Job | string): UsedJob {
  const client = useMillrace();
  const id = typeof job === 'string' ? job : job.id;
  // biome-ignore lint/correctness/useExhaustiveDependencies: two handles of one job are the same job
  const store = useMemo(() => createJobStore(client, job), [client, id]);
  const actions = useMemo(() => ({ stop: () => store.stop(), reload: () => store.reload() }), [store]);
  return { ...useStore(store), ...actions };
}
