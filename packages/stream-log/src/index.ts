export { type AttemptReason, AttemptStarter, type Begun } from './attempt/attempt-starter.ts';
export type { AttemptWriter } from './attempt/attempt-writer.ts';
export { CancelListener } from './attempt/cancel-listener.ts';
export { ChannelHub, type ChannelListener } from './channel/channel-hub.ts';
export { ContentCipher, PLAIN, type PlaceCipher, type Sealer } from './encryption/content-cipher.ts';
export { MasterKey } from './encryption/master-keys.ts';
export { type EncryptionOptions, openContentCipher } from './encryption/open-content-cipher.ts';
export { isSealed } from './encryption/place-key.ts';
export { type RewrapReport, TenantKeys } from './encryption/tenant-keys.ts';
export {
  AttemptFenced,
  ContentUnreadable,
  IdempotencyMismatch,
  JobClosed,
  JobNotFound,
  LogExpired,
  LogLimitExceeded,
  LogLost,
  LogWriteFailed,
  NewerFormat,
  ShardAway,
  ShardMisplaced,
  StreamLogError,
  SubscriptionUnconfirmed,
} from './errors.ts';
export type { Place } from './follow/place.ts';
export { type EventSink, logLost, type Subscription } from './follow/subscriber.ts';
export { type FollowedJob, type FollowOptions, Subscribers } from './follow/subscribers.ts';
export type { EventBatch } from './log/event-batch.ts';
export { type CancelOutcome, JobCanceller } from './log/job-canceller.ts';
export { JobEraser } from './log/job-eraser.ts';
export { JobOpener } from './log/job-opener.ts';
export { type AttemptPage, JobReader, type ReadableEvent } from './log/job-reader.ts';
export { UNREADABLE, viewOf } from './log/job-view.ts';
export { keptEvents, type LogPrefix } from './log/kept-events.ts';
export { MessagesJson } from './log/messages-json.ts';
export { NewJob } from './log/new-job.ts';
export { type RawEvent, type RawJob, RawJobs } from './log/raw-jobs.ts';
export { isFinished, JOB_FORMAT, type JobOutline, type LogLimits, requireContents } from './log/record.ts';
export { saidBy } from './log/said.ts';
export {
  namedReply,
  publishCommand,
  type RedisConnection,
  type RunScripts,
  Scripts,
  type ScriptTable,
  timeScripts,
} from './redis/define-scripts.ts';
export { KeySpace } from './redis/keys.ts';
export { retryWhileUnavailable } from './redis/retry-while-unavailable.ts';
export { type RunScript, scriptsOf } from './redis/scripts.ts';
export { isErrorReply, isTransientReply } from './redis/transient-errors.ts';
export { WriteGate } from './redis/write-gate.ts';
export { AbandonedJobs } from './registry/abandoned-jobs.ts';
export { ErasedCopies, type ErasedTenant } from './registry/erased-copies.ts';
export { type Admission, type AdmissionLimits, type EndedJob, FairQueue } from './registry/fair-queue.ts';
export { digestOf, IdempotencyKeys } from './registry/idempotency-keys.ts';
export { JobCatalogue, type JobPage } from './registry/job-catalogue.ts';
export { LimitDirectory } from './registry/limit-directory.ts';
export {
  type AnnouncedPipeline,
  type PipelineAnnouncement,
  PipelineAnnouncements,
} from './registry/pipeline-announcements.ts';
export { RestoredJobs } from './registry/restored-jobs.ts';
export { StoredBytes } from './registry/stored-bytes.ts';
export { StoredBytesCensus, type StoredKinds } from './registry/stored-bytes-census.ts';
export { type ShareRequest, StreamShares } from './registry/stream-shares.ts';
export { SweepTurn } from './registry/sweep-turn.ts';
export { type SlotPolicy, TenantSlots } from './registry/tenant-slots.ts';
export { ThawedJobs, type ThawLimits } from './registry/thawed-jobs.ts';
export { type ArchiveBacklog, type UnarchivedJob, UnarchivedJobs } from './registry/unarchived-jobs.ts';
export { type DayUsage, UsageLedger } from './registry/usage-ledger.ts';
export { type UsageReport, usageOfAttempt } from './registry/usage-report.ts';
export { UsageSettlement } from './registry/usage-settlement.ts';
export { WebhookJobs } from './registry/webhook-jobs.ts';
export { byShard, type Facade } from './shards/by-shard.ts';
export { claimPlaces } from './shards/claim-places.ts';
export { joinedCancelListener } from './shards/joined-attempts.ts';
export {
  joinedCanceller,
  joinedEraser,
  joinedOpener,
  joinedReader,
  joinedStarter,
  joinedSubscribers,
} from './shards/joined-jobs.ts';
export {
  joinedCatalogue,
  joinedFairQueue,
  joinedIdempotencyKeys,
  joinedLedger,
  joinedLimits,
  joinedSlots,
  joinedWebhookJobs,
} from './shards/joined-registry.ts';
export { joinedReports } from './shards/joined-reports.ts';
export { joinedPage, type Order } from './shards/merged-pages.ts';
export { type Gathered, type Located, Shards, type ShardsOptions } from './shards/shards.ts';
export {
  addedShares,
  DIMENSIONS,
  type Dimension,
  NO_SHARE,
  type ProcessReport,
  QUIET_MS,
  type QuietJob,
  quantileOf,
  type Share,
} from './survey/process-report.ts';
export { loadOf, type OpenJobs, ProcessReports, type SeenProcess, type Survey } from './survey/process-reports.ts';
export { type NodeReaders, ReaderCensus } from './survey/reader-census.ts';
export { type Present, RecentActivity } from './survey/recent-activity.ts';
export { Reporter } from './survey/reporter.ts';
