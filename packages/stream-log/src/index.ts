export { AttemptStarter, type Begun } from './attempt-starter.ts';
export type { AttemptWriter } from './attempt-writer.ts';
export { CancelWatcher } from './cancel-watcher.ts';
export { type CancelOutcome, JobCanceller } from './canceller.ts';
export { ChannelHub } from './channel-hub.ts';
export {
  AttemptFenced,
  IdempotencyMismatch,
  JobClosed,
  JobNotFound,
  LogExpired,
  LogLimitExceeded,
  LogLost,
  LogWriteFailed,
  StreamLogError,
  SubscriptionUnconfirmed,
} from './errors.ts';
export { type Expectation, Followers, type FollowOptions } from './followers.ts';
export { IdempotencyKeys } from './idempotency-keys.ts';
export { JobCatalogue, type JobPage } from './job-catalogue.ts';
export { type Admission, type AdmissionLimits, type EndedJob, JobIndex } from './job-index.ts';
export { KeySpace } from './keys.ts';
export type { LogLimits } from './limits.ts';
export { NewJob } from './new-job.ts';
export { JobOpener } from './opener.ts';
export type { EventBatch } from './payload.ts';
export { type AttemptPage, JobReader } from './reader.ts';
export { isFinished, type JobOutline } from './record.ts';
export type { RedisConnection } from './scripts.ts';
export { type SlotPolicy, TenantSlots } from './tenant-slots.ts';
export type { Following, FollowSink } from './watcher.ts';
