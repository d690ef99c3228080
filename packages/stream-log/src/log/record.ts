import {
  type AttemptUsage,
  type EventId,
  eventId,
  type Interrupt,
  idOf,
  type JobError,
  type JobRef,
  type JobStatus,
  type OnBusy,
  tenantOf,
  type Usage,
} from '@millrace/contracts';
import { type ContentUnreadable, NewerFormat } from '../errors.ts';

/** How long a job is kept and how large it may grow. Settings of the deployment, the same for all services. */
export interface LogLimits {
  /** how long the record outlives the job's end, milliseconds; at least `logRetentionMs`. With an archive: of a job that is not
   *  there yet */
  readonly recordRetentionMs: number;
  /** how long the log outlives the job's end, milliseconds; with an archive as for the record */
  readonly logRetentionMs: number;
  /** how long both outlive the end of a job that is in the archive, milliseconds; left out: there is no archive */
  readonly archivedRetentionMs?: number | undefined;
  /** how long record and log of an unfinished job outlive the last write, milliseconds; longer than any silence */
  readonly unfinishedRetentionMs: number;
  /** events of one log, over all attempts */
  readonly maxEvents: number;
  /** bytes of event data of one log, over all attempts */
  readonly maxBytes: number;
  /** how often one job may lose its worker until it ends; a hand-over is not a loss */
  readonly maxAttempts: number;
}

/** What is known of a job, without its request, which may be large and which only a worker needs. Times are Redis's
 *  clock, milliseconds since the epoch: one clock for all machines. */
export interface JobOutline {
  readonly ref: JobRef;
  readonly jobId: string;
  readonly tenant: string;
  readonly fingerprint: string;
  readonly status: JobStatus;
  readonly pipeline: string;
  readonly model: string;
  /** 0 until a worker starts it */
  readonly attempt: number;
  readonly lastEventId: EventId;
  readonly onDisconnect: 'continue' | 'cancel';
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly firstTokenAt: number | null;
  readonly finishedAt: number | null;
  /** of the attempt that completed the job; null until then */
  readonly usage: Usage | null;
  /** by attempt number, of those whose worker reported it: also failed, cancelled and superseded ones */
  readonly attemptUsage: ReadonlyMap<number, AttemptUsage>;
  /** numbers that no attempt had, `<from>-<to>,…`: Redis was restored from a backup, see {@link RestoredJobs}; null for none */
  readonly leftOut: string | null;
  /** estimate of what the request sends to its model, tokens */
  readonly promptTokens: number;
  readonly error: JobError | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly threadId: string | null;
  /** how it enters its thread */
  readonly onBusy: OnBusy;
  /** whether it answers the interrupt of its thread */
  readonly resumes: boolean;
  /** id of the job in its thread that it continues; null: whichever was last */
  readonly continues: string | null;
  /** how long after its creation it starts, at the earliest, milliseconds */
  readonly delayMs: number;
  /** digest of the idempotency key that stands for it; null for none */
  readonly idempotencyDigest: string | null;
  /** URL that is told when the job ends; null for none */
  readonly webhook: string | null;
  /** W3C trace context of the request that made it; null for none */
  readonly traceparent: string | null;
  /** structured output of an agent, JSON; null without any */
  readonly output: unknown;
  /** questions that it ended with */
  readonly interrupts: readonly Interrupt[];
  /** why its words cannot be read (metadata, error, output, interrupts, webhook), which are then as of a job without any; null:
   *  they can */
  readonly unreadable: ContentUnreadable | null;
  /** what the job has in Redis, bytes: the log counts for as long as the record, unless the caller knows better */
  readonly bytes: { readonly kept: number; readonly request: number; readonly log: number };
}

/** The newest format of a job, its record and log, that this version reads, and that it writes; `lua/shared/format.lua` has the same. A
 *  record keeps the format in which it was opened. */
export const JOB_FORMAT = 1;

/** What a record has in every format, so that each version can tell that there is a job, and whether it has ended. */
const LASTING_FIELDS = [
  'fingerprint',
  'status',
  'pipeline',
  'model',
  'attempt',
  'seq',
  'createdAt',
  'threadId',
] as const;

/** Fields of a record that an outline is made from, as HMGET expects them. */
export const OUTLINE_FIELDS = [
  'format',
  ...['fingerprint', 'status', 'pipeline', 'model', 'attempt', 'seq', 'onDisconnect', 'createdAt', 'startedAt'],
  ...['firstTokenAt', 'finishedAt', 'usage', 'attemptUsage', 'error', 'metadata', 'keptBytes', 'requestBytes', 'bytes'],
  ...['threadId', 'onBusy', 'continues', 'delayMs', 'idempotencyDigest', 'webhook', 'output', 'interrupts'],
  ...['promptTokens', 'traceparent', 'leftOut'],
] as const;

/** In place of `onBusy` in the record of a job that answers an interrupt. */
export const RESUMES = 'resume';

type Fields = Readonly<Record<string, string | null | undefined>>;

/** @throws ContentUnreadable the key of a job's words cannot be had now: who needs them must try again */
export function requireContents({ unreadable }: Pick<JobOutline, 'unreadable'>): void {
  if (unreadable?.reason === 'unavailable') throw unreadable;
}

/** @returns the outline of a record that a newer version has written; null: this version can read it */
export function outlineOfNewer(ref: JobRef, fields: Fields): JobOutline | null {
  if (Number(fields['format'] ?? 1) <= JOB_FORMAT) return null;
  const lasting = Object.fromEntries(LASTING_FIELDS.map((name) => [name, fields[name]]));
  return parseOutline(ref, lasting, new NewerFormat());
}

/** @param fields values of {@link OUTLINE_FIELDS} by name, none of them sealed
 *  @param unreadable why those that were are left out
 *  @returns null when there is no such job */
export function parseOutline(
  ref: JobRef,
  fields: Fields,
  unreadable: ContentUnreadable | null = null,
): JobOutline | null {
  const { fingerprint, status, pipeline, model } = fields;
  if (!fingerprint || !status || !pipeline || !model) return null;
  return {
    ref,
    jobId: idOf(ref),
    tenant: tenantOf(ref),
    fingerprint,
    status: status as JobStatus,
    pipeline,
    model,
    attempt: Number(fields['attempt']),
    lastEventId: eventId(Number(fields['attempt']), Number(fields['seq'])),
    onDisconnect: fields['onDisconnect'] === 'cancel' ? 'cancel' : 'continue',
    createdAt: Number(fields['createdAt']),
    startedAt: numberOrNull(fields['startedAt']),
    firstTokenAt: numberOrNull(fields['firstTokenAt']),
    finishedAt: numberOrNull(fields['finishedAt']),
    usage: jsonOrNull<Usage>(fields['usage']),
    attemptUsage: usageByAttempt(jsonOrNull<Record<string, AttemptUsage>>(fields['attemptUsage'])),
    leftOut: fields['leftOut'] ?? null,
    promptTokens: Number(fields['promptTokens'] ?? 0),
    error: jsonOrNull<JobError>(fields['error']),
    metadata: jsonOrNull<Record<string, string>>(fields['metadata']) ?? {},
    threadId: fields['threadId'] ?? null,
    onBusy: fields['onBusy'] === RESUMES ? 'enqueue' : ((fields['onBusy'] ?? 'enqueue') as OnBusy),
    resumes: fields['onBusy'] === RESUMES,
    continues: fields['continues'] ?? null,
    delayMs: Number(fields['delayMs'] ?? 0),
    idempotencyDigest: fields['idempotencyDigest'] ?? null,
    webhook: fields['webhook'] ?? null,
    traceparent: fields['traceparent'] || null,
    output: jsonOrNull<unknown>(fields['output']),
    interrupts: jsonOrNull<Interrupt[]>(fields['interrupts']) ?? NO_INTERRUPTS,
    unreadable,
    bytes: {
      kept: Number(fields['keptBytes'] ?? 0),
      request: isFinished(status as JobStatus) ? 0 : Number(fields['requestBytes'] ?? 0),
      log: Number(fields['bytes'] ?? 0),
    },
  };
}

/** @returns whether a number stands between attempts that the job had, see {@link JobOutline.leftOut} */
export function isLeftOut({ leftOut }: Pick<JobOutline, 'leftOut'>, attempt: number): boolean {
  const ranges = leftOut?.split(',').map((range) => range.split('-').map(Number)) ?? [];
  return ranges.some(([from = 0, to = 0]) => from <= attempt && attempt <= to);
}

export function isFinished(status: JobStatus): boolean {
  return status !== 'queued' && status !== 'active';
}

const NO_INTERRUPTS: readonly Interrupt[] = [];
const NO_USAGE: ReadonlyMap<number, AttemptUsage> = new Map();

function usageByAttempt(usage: Record<string, AttemptUsage> | null): ReadonlyMap<number, AttemptUsage> {
  if (usage === null) return NO_USAGE;
  return new Map(Object.entries(usage).map(([attempt, used]) => [Number(attempt), used]));
}

function numberOrNull(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Number(text);
}

function jsonOrNull<T>(text: string | null | undefined): T | null {
  return text === null || text === undefined ? null : (JSON.parse(text) as T);
}
