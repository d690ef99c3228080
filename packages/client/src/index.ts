export type { Job, JobFilter, JobPage, JobStatus, Message, NewJob } from './job.ts';
export type { JobErrorCode, JobEvent, JobEventData, JobEventType, Timings, Usage } from './job-event.ts';
export { type Delta, JobStream, type Reconnection } from './job-stream.ts';
export {
  type CallOptions,
  type CreateOptions,
  MillraceClient,
  type MillraceClientOptions,
  type WatchOptions,
} from './millrace-client.ts';
export { type FieldError, MillraceError, type MillraceErrorCode, type ProblemCode } from './millrace-error.ts';
export { newRequestId } from './request-id.ts';
export type { Fetch } from './transport.ts';
