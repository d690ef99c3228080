export {
  type Answer,
  type AnswerMessage,
  type AnswerPart,
  answerAfter,
  type CustomPart,
  NO_ANSWER,
  type TextPart,
  type ToolPart,
  textOf,
} from './answer.ts';
export {
  AccessDenied,
  AnswerChanged,
  BadAnswer,
  Conflict,
  ConnectionLost,
  type FieldError,
  InvalidRequest,
  JobCancelled,
  JobFailed,
  LimitReached,
  MillraceError,
  type MillraceErrorCode,
  NotFound,
  type ProblemCode,
  RequestRefused,
  Unavailable,
} from './errors.ts';
export type { Job } from './job.ts';
export type { JobErrorCode, JobEvent, JobEventData, JobEventType, Timings, Usage } from './job-event.ts';
export type {
  ContentPart,
  Interrupt,
  JobFilter,
  JobPage,
  JobStatus,
  JobView,
  MediaPart,
  Message,
  Model,
  NewJob,
  Pipeline,
  ResponseFormat,
  SaidMessage,
  Tool,
  ToolCall,
} from './job-view.ts';
export type { CreateOptions, Jobs } from './jobs.ts';
export type { LimitedTenant, Limits, TenantLimits } from './limits.ts';
export { Millrace, type MillraceOptions, openJobs } from './millrace.ts';
export type { GetOptions, JobReference, PlainJob, TextOptions } from './plain-job.ts';
export { newRequestId, type OwnRequestId, ownRequestId } from './request-id.ts';
export type { Reconnection, WatchOptions } from './resumed-events.ts';
export type { Thread, ThreadEvent, ThreadReference } from './thread.ts';
export type {
  Checkpoint,
  CheckpointPage,
  ForkOptions,
  ForkPlace,
  NewThread,
  PageFilter,
  ThreadFilter,
  ThreadMessage,
  ThreadMessagePage,
  ThreadPage,
  ThreadView,
} from './thread-view.ts';
export type { Threads } from './threads.ts';
export type { NewToken, Token, Tokens } from './tokens.ts';
export type { CallOptions, Fetch } from './transport.ts';
export type { UsageFilter, UsageItem } from './usage.ts';
