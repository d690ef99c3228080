export type {
  ContentPart,
  Interrupt,
  Job,
  JobFilter,
  JobPage,
  JobStatus,
  MediaPart,
  Message,
  NewJob,
  Pipeline,
  ResponseFormat,
  SaidMessage,
  Tool,
  ToolCall,
} from './job.ts';
export type { JobErrorCode, JobEvent, JobEventData, JobEventType, Timings, Usage } from './job-event.ts';
export { type Delta, JobStream } from './job-stream.ts';
export {
  type CreateOptions,
  type GetOptions,
  MillraceClient,
  type MillraceClientOptions,
  type WatchOptions,
} from './millrace-client.ts';
export { type FieldError, MillraceError, type MillraceErrorCode, type ProblemCode } from './millrace-error.ts';
export { newRequestId } from './request-id.ts';
export type { Reconnection } from './resumed-events.ts';
export type {
  ForkOptions,
  NewThread,
  PageFilter,
  Thread,
  ThreadMessage,
  ThreadMessagePage,
  ThreadPage,
} from './thread.ts';
export { type ThreadEvent, ThreadStream } from './thread-stream.ts';
export type { Threads } from './threads.ts';
export type { CallOptions, Fetch } from './transport.ts';
