/** Injection tokens. The service does not rely on decorator metadata. */
export const SETTINGS = Symbol('ApiSettings');
export const LOGGER = Symbol('Logger');
/** Shards of @millrace/stream-log: which of several Redis has what */
export const SHARDS = Symbol('Shards');
/** ShardPorts[]: what is done in each shard by itself */
export const SHARD_PORTS = Symbol('ShardPorts');
/** RedisFactory of @millrace/runtime, of the first shard */
export const REDIS_FACTORY = Symbol('RedisFactory');
/** the connection for ordinary commands to the first shard */
export const REDIS = Symbol('RedisConnection');
export const KEYS = Symbol('KeySpace');
export const JOB_OPENER = Symbol('JobOpener');
export const JOB_READER = Symbol('JobReader');
export const JOB_ERASER = Symbol('JobEraser');
export const JOB_CANCELLER = Symbol('JobCanceller');
/** of AbandonedJobs, what forgets a job */
export const ABANDONED_JOBS = Symbol('AbandonedJobs');
export const FAIR_QUEUE = Symbol('FairQueue');
export const WEBHOOK_JOBS = Symbol('WebhookJobs');
export const JOB_CATALOGUE = Symbol('JobCatalogue');
export const USAGE_LEDGER = Symbol('UsageLedger');
export const USAGE_SETTLEMENT = Symbol('UsageSettlement');
export const LIMIT_DIRECTORY = Symbol('LimitDirectory');
export const STREAM_SHARES = Symbol('StreamShares');
export const TENANT_SLOTS = Symbol('TenantSlots');
export const IDEMPOTENCY_KEYS = Symbol('IdempotencyKeys');
export const THREADS = Symbol('Threads');
export const THREAD_CATALOGUE = Symbol('ThreadCatalogue');
export const CHECKPOINTS = Symbol('Checkpoints');
/** ContentCipher of @millrace/stream-log: what encrypts what is stored */
export const CONTENT_CIPHER = Symbol('ContentCipher');
export const SUBSCRIBERS = Symbol('Subscribers');
export const THREAD_TOPICS = Symbol('ThreadTopics');
/** JobArchive of @millrace/archive; null: there is no archive */
export const ARCHIVE = Symbol('JobArchive');
/** ArchivedJobs of @millrace/archive; null: there is no archive */
export const ARCHIVED_JOBS = Symbol('ArchivedJobs');
export const AUTHENTICATOR = Symbol('Authenticator');
export const REQUEST_COUNTER = Symbol('RequestCounter');
export const PROCESS_REPORTS = Symbol('ProcessReports');
export const READER_CENSUS = Symbol('ReaderCensus');
export const REVOCATIONS = Symbol('Revocations');
