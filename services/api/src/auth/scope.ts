/** The jobs and threads that a token is for. A thread stands for its jobs, too. */
export interface Scope {
  readonly jobs: ReadonlySet<string>;
  readonly threads: ReadonlySet<string>;
}

/** @param threadId null: the job is in no thread */
export function includesJob(
  scope: Scope,
  { jobId, threadId }: { readonly jobId: string; readonly threadId: string | null },
): boolean {
  return scope.jobs.has(jobId) || (threadId !== null && scope.threads.has(threadId));
}
