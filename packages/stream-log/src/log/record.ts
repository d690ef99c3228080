import {
  type EventId,
  eventId,
  idOf,
  type JobError,
  type JobRef,
  type JobStatus,
  tenantOf,
  type Usage,
} from '@millrace/contracts';

/** What is known of a job, but for its request, which may be large and is a worker's affair. Times are Redis's clock, ms
 *  since the epoch: one clock for all machines. */
export interface JobOutline {
  readonly ref: JobRef;
  readonly id: string;
  readonly tenant: string;
  readonly fingerprint: string;
  readonly status: JobStatus;
  readonly pipeline: string;
  readonly model: string;
  /** 0 until a worker took it */
  readonly attempt: number;
  readonly lastEventId: EventId;
  readonly onDisconnect: 'continue' | 'cancel';
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly firstTokenAt: number | null;
  readonly finishedAt: number | null;
  readonly usage: Usage | null;
  readonly error: JobError | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** what it has in Redis, bytes: the log counts for as long as the record, unless the caller knows better */
  readonly bytes: { readonly kept: number; readonly request: number; readonly log: number };
}

/** The fields of a record that an outline is made from, as HMGET wants them. */
export const OUTLINE_FIELDS = [
  ...['fingerprint', 'status', 'pipeline', 'model', 'attempt', 'seq', 'onDisconnect', 'createdAt', 'startedAt'],
  ...['firstTokenAt', 'finishedAt', 'usage', 'error', 'metadata', 'keptBytes', 'requestBytes', 'bytes'],
] as const;

type Fields = Readonly<Record<string, string | null | undefined>>;

/** @param fields values of {@link OUTLINE_FIELDS} by name; none of them is there when there is no such job */
export function parseOutline(ref: JobRef, fields: Fields): JobOutline | null {
  const { fingerprint, status, pipeline, model } = fields;
  if (!fingerprint || !status || !pipeline || !model) return null;
  return {
    ref,
    id: idOf(ref),
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
    error: jsonOrNull<JobError>(fields['error']),
    metadata: jsonOrNull<Record<string, string>>(fields['metadata']) ?? {},
    bytes: {
      kept: Number(fields['keptBytes'] ?? 0),
      request: isFinished(status as JobStatus) ? 0 : Number(fields['requestBytes'] ?? 0),
      log: Number(fields['bytes'] ?? 0),
    },
  };
}

export function isFinished(status: JobStatus): boolean {
  return status !== 'queued' && status !== 'active';
}

function numberOrNull(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Number(text);
}

function jsonOrNull<T>(text: string | null | undefined): T | null {
  return text === null || text === undefined ? null : (JSON.parse(text) as T);
}
