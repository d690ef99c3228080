import { z } from 'zod';

/** The longest time that a Node timer can wait, milliseconds: a longer one fires at once. */
export const MAX_TIMER_MS = 2_147_483_647;

/** A whole number in an environment variable. */
export function integer(): z.ZodCoercedNumber {
  return z.coerce.number().int();
}

/** A time in an environment variable, milliseconds, short enough for a timer. */
export function milliseconds(least: number): z.ZodCoercedNumber {
  return integer().min(least).max(MAX_TIMER_MS);
}

/** Where everything is in Redis. Spread into the schema of every service. */
export const keySettings = {
  MILLRACE_KEY_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9:_-]+$/, 'must be letters, digits, ":", "_" and "-" only')
    .default('millrace')
    .describe('Start of every key in Redis; no braces, which would move a job to another cluster slot'),
};

/** How tenants share the workers' slots: read by both services, so that it applies wherever it is set. */
export const slotSettings = {
  MILLRACE_MAX_ACTIVE_PER_TENANT: integer()
    .min(1)
    .optional()
    .describe(
      'Jobs of one tenant that run at a time, on all workers together; default: with keys a fifth of all slots, at least one, is left to others; without keys no limit',
    ),
};

/** Who is told of ends of jobs: read by both services. */
export const webhookSettings = {
  MILLRACE_WEBHOOK_SECRET: z
    .string()
    .regex(/^whsec_[A-Za-z0-9+/]{32,}={0,2}$/, 'must be whsec_ and at least 24 bytes in base64')
    .optional()
    .describe(
      'Signs webhooks (Standard Webhooks): whsec_ and at least 24 random bytes in base64. Without it there are none',
    ),
  MILLRACE_WEBHOOK_ALLOW: z
    .string()
    .default('')
    .transform((text) => text.split(',').flatMap((host) => host.trim().toLowerCase() || []))
    .describe('Hosts that webhooks may reach even if they are private, comma-separated, without a port'),
};

/** How much of a job is kept, and for how long: the same in every process that uses the log.
 *  Use together with {@link recordOutlivesLog}. */
export const streamLogSettings = {
  MILLRACE_LOG_RETENTION_SECONDS: integer()
    .min(1)
    .default(86_400)
    .describe(
      'How long an event log outlives the end of its job, seconds; with MILLRACE_ARCHIVE how long log and record then stay in Redis',
    ),
  MILLRACE_RECORD_RETENTION_SECONDS: integer()
    .min(1)
    .default(86_400)
    .describe(
      'How long a job record outlives the end of its job, seconds; at least as long as its log. With MILLRACE_ARCHIVE as long as its log',
    ),
  MILLRACE_UNFINISHED_RETENTION_SECONDS: integer()
    .min(3_600)
    .default(7 * 86_400)
    .describe('How long a job without an end is kept after its last event, seconds; longer than any job may be silent'),
  MILLRACE_MAX_LOG_EVENTS: integer()
    .min(10)
    .default(100_000)
    .describe('Events in one job’s log; a job that would need more ends with an error'),
  MILLRACE_MAX_LOG_BYTES: integer()
    .min(1_024)
    .default(8 * 1024 * 1024)
    .describe('Bytes of event data in one job’s log; a job that would need more ends with an error'),
  MILLRACE_MAX_ATTEMPTS: integer()
    .min(1)
    .max(1_000)
    .default(10)
    .describe('How often a job may lose its worker until it is given up; a hand-over is not a loss'),
};

/** Where ended jobs go: read by both services, the same everywhere. */
export const archiveSettings = {
  MILLRACE_ARCHIVE: z
    .string()
    .regex(
      /^(?:postgres(?:ql)?:\/\/|s3:\/\/[^/?]|file:\/\/\/)./,
      'must be a URL that begins with "postgres://", "s3://" or "file:///"',
    )
    .optional()
    .describe(
      'Where ended jobs are kept when they leave Redis: `postgres://…`, `s3://bucket/prefix?region=…&endpoint=…` or `file:///folder`. Default: nowhere',
    ),
  MILLRACE_ARCHIVE_RETENTION_SECONDS: integer()
    .min(0)
    .default(0)
    .describe('How long the archive keeps a job after its end, seconds; 0: for ever'),
  MILLRACE_ARCHIVE_THAWED_BYTES: integer()
    .min(1_048_576)
    .default(256 * 1024 * 1024)
    .describe(
      'Bytes that archived jobs may take in Redis at a time while they are read again, a quarter of it for one tenant; beyond it they get 503',
    ),
};

type ArchiveSettings = z.output<z.ZodObject<typeof archiveSettings>>;

/** How long threads are kept, where the state of agents is, and how much of it: read by every process that reads or writes
 *  threads. */
export const threadSettings = {
  MILLRACE_THREAD_RETENTION_SECONDS: integer()
    .min(60)
    .default(30 * 86_400)
    .describe('How long a thread lives after its last change, seconds'),
  MILLRACE_CHECKPOINTS: z
    .string()
    .regex(/^(redis|postgres(ql)?:\/\/.+)$/, 'must be "redis", or a URL that begins with "postgres://"')
    .default('redis')
    .describe('Where agents keep their checkpoints and their store: `redis`, or the URL of a PostgreSQL database'),
  MILLRACE_CHECKPOINTS_KEPT: integer()
    .min(1)
    .max(100_000)
    .default(100)
    .describe('Checkpoints kept of a thread in Redis, beside those that are still needed; of each subgraph likewise'),
  MILLRACE_MAX_CHECKPOINT_BYTES: integer()
    .min(65_536)
    .default(64 * 1024 * 1024)
    .describe('Bytes of one thread’s checkpoints in Redis; a job that would need more ends with an error'),
  MILLRACE_MAX_CONVERSATION_BYTES: integer()
    .min(1_000)
    .default(16 * 1024 * 1024)
    .describe(
      'Bytes of the messages that one thread keeps for `chat` and other pipelines; a job that would add more ends with an error',
    ),
  MILLRACE_MAX_STORE_BYTES: integer()
    .min(65_536)
    .default(64 * 1024 * 1024)
    .describe('Bytes of one tenant’s store (LangGraph’s long-term memory) in Redis; a put beyond it fails'),
};

type ThreadSettings = z.output<z.ZodObject<typeof threadSettings>>;

type StreamLogSettings = z.output<z.ZodObject<typeof streamLogSettings>>;

const retentionTimes = z.object({
  MILLRACE_LOG_RETENTION_SECONDS: z.number(),
  MILLRACE_RECORD_RETENTION_SECONDS: z.number(),
  MILLRACE_ARCHIVE: z.string().optional(),
});

/** A log cannot be found without its record, so the record must not expire first. With an archive it never does.
 *  `z.object({ ...streamLogSettings }).check(recordOutlivesLog)` */
export const recordOutlivesLog = z.refine<z.output<typeof retentionTimes>>(
  (settings) =>
    settings.MILLRACE_ARCHIVE !== undefined ||
    settings.MILLRACE_RECORD_RETENTION_SECONDS >= settings.MILLRACE_LOG_RETENTION_SECONDS,
  {
    path: ['MILLRACE_RECORD_RETENTION_SECONDS'],
    message: 'must be at least MILLRACE_LOG_RETENTION_SECONDS',
    // even when other variables are invalid: a person fixes them all at once
    when: ({ value }) => retentionTimes.safeParse(value).success,
  },
);

/** The limits of a job's log, in the shape and units that the stream log takes. */
export function logLimits(settings: StreamLogSettings & Partial<Pick<ArchiveSettings, 'MILLRACE_ARCHIVE'>>) {
  const recordMs = settings.MILLRACE_RECORD_RETENTION_SECONDS * 1_000;
  const logMs = settings.MILLRACE_LOG_RETENTION_SECONDS * 1_000;
  // an archive that is away for days loses nothing
  const unarchivedMs = settings.MILLRACE_UNFINISHED_RETENTION_SECONDS * 1_000;
  const archives = settings.MILLRACE_ARCHIVE !== undefined;
  return {
    recordRetentionMs: archives ? Math.max(unarchivedMs, logMs) : recordMs,
    logRetentionMs: archives ? Math.max(unarchivedMs, logMs) : logMs,
    archivedRetentionMs: archives ? logMs : undefined,
    unfinishedRetentionMs: settings.MILLRACE_UNFINISHED_RETENTION_SECONDS * 1_000,
    maxEvents: settings.MILLRACE_MAX_LOG_EVENTS,
    maxBytes: settings.MILLRACE_MAX_LOG_BYTES,
    maxAttempts: settings.MILLRACE_MAX_ATTEMPTS,
  };
}

/** How much archived jobs may take in Redis while they are read again, bytes. One tenant has room for the largest log, whatever the
 *  settings: the record beside it may hold as much again. */
export function thawLimits(
  settings: Pick<StreamLogSettings, 'MILLRACE_MAX_LOG_BYTES'> & Pick<ArchiveSettings, 'MILLRACE_ARCHIVE_THAWED_BYTES'>,
) {
  const maxBytesOfTenant = Math.max(settings.MILLRACE_ARCHIVE_THAWED_BYTES / 4, 2 * settings.MILLRACE_MAX_LOG_BYTES);
  return { maxBytes: Math.max(settings.MILLRACE_ARCHIVE_THAWED_BYTES, maxBytesOfTenant), maxBytesOfTenant };
}

/** How long threads are kept, in the unit that they take. */
export function threadLimits(
  settings: Pick<ThreadSettings, 'MILLRACE_THREAD_RETENTION_SECONDS' | 'MILLRACE_MAX_CONVERSATION_BYTES'>,
) {
  return {
    retentionMs: settings.MILLRACE_THREAD_RETENTION_SECONDS * 1_000,
    maxConversationBytes: settings.MILLRACE_MAX_CONVERSATION_BYTES,
  };
}

/** How much of the state of agents is kept, in the shape and units that the checkpoints take. */
export function checkpointLimits(settings: ThreadSettings) {
  return {
    kept: settings.MILLRACE_CHECKPOINTS_KEPT,
    maxBytes: settings.MILLRACE_MAX_CHECKPOINT_BYTES,
    maxStoreBytes: settings.MILLRACE_MAX_STORE_BYTES,
    ...threadLimits(settings),
  };
}
