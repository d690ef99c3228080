/** The name of BullMQ's queue. An entry's id is the job's reference; its data is empty. */
export const QUEUE_NAME = 'jobs';

/** The name of BullMQ's queue of webhooks. An entry's id is the job's reference; its data is empty. */
export const WEBHOOK_QUEUE_NAME = 'webhooks';

/** The name of every entry. */
export const QUEUE_ENTRY_NAME = 'generate';

/** How every producer opens the queue. */
export const PRODUCER_OPTIONS = {
  // nobody reads BullMQ's own events
  streams: { events: { maxLen: 100 } },
  // BullMQ asks Redis for its version once; without an answer the queue would never work again
  skipVersionCheck: true,
  // fail fast: a caller may be waiting (law 12)
  skipWaitingForReady: true,
} as const;

/** How every producer adds an entry. The record outlives the entry, and an entry that remained would prevent its id
 *  from being queued again. */
export const ENTRY_OPTIONS = { removeOnComplete: true, removeOnFail: true } as const;

/** The pipeline that every worker has, and the default of a request that names none. */
export const BUILT_IN_PIPELINE = 'chat';
