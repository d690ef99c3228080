export { MillraceProvider, useMillrace } from './client-context.ts';
export { type UsedJob, useJob } from './use-job.ts';
export { type UsedThread, useThread } from './use-thread.ts';
export { type UsedThreads, useThreads } from './use-threads.ts';
