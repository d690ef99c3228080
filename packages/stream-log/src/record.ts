import { type EventId, eventId, type JobError, type JobRequest, type JobStatus, type Usage } from '@millrace/contracts';

/** What is known of a job, but for its request, which may be large. Times are Redis's clock, ms since the epoch: one
 *  clock for all machines. */
export interface JobOutline {
  readonly id: string;
  readonly tenant: string;
  readonly fingerprint: string;
  readonly status: JobStatus;
  readonly pipeline: string;
  readonly model: string;
  /** 0 until a worker took it */
  readonly attempt: number;
  readonly lastEventId: EventId;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly firstTokenAt: number | null;
  readonly finishedAt: number | null;
  readonly usage: Usage | null;
  readonly error: JobError | null;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A job as its record holds it. */
export interface JobRecord extends JobOutline {
  readonly request: JobRequest;
}

/** The fields of a record that an outline is made from, as HMGET wants them. */
export const OUTLINE_FIELDS = [
  ...['tenant', 'fingerprint', 'status', 'pipeline', 'model', 'attempt', 'seq', 'createdAt', 'startedAt'],
  ...['firstTokenAt', 'finishedAt', 'usage', 'error', 'metadata'],
] as const;

type Fields = Readonly<Record<string, string | null | undefined>>;

/** @param fields values of {@link OUTLINE_FIELDS} by name; none of them is there when there is no such job */
export function parseOutline(id: string, fields: Fields): JobOutline | null {
  const { tenant, fingerprint, status, pipeline, model } = fields;
  if (!tenant || !fingerprint || !status || !pipeline || !model) return null;
  return {
    id,
    tenant,
    fingerprint,
    status: status as JobStatus,
    pipeline,
    model,
    attempt: Number(fields['attempt']),
    lastEventId: eventId(Number(fields['attempt']), Number(fields['seq'])),
    createdAt: Number(fields['createdAt']),
    startedAt: numberOrNull(fields['startedAt']),
    firstTokenAt: numberOrNull(fields['firstTokenAt']),
    finishedAt: numberOrNull(fields['finishedAt']),
    usage: jsonOrNull<Usage>(fields['usage']),
    error: jsonOrNull<JobError>(fields['error']),
    metadata: jsonOrNull<Record<string, string>>(fields['metadata']) ?? {},
  };
}

/** @param fields reply of HGETALL, empty when there is no such key */
export function parseRecord(id: string, fields: Fields): JobRecord | null {
  const outline = parseOutline(id, fields);
  const request = jsonOrNull<JobRequest>(fields['request']);
  return outline && request && { ...outline, request };
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
