import { type EventId, eventId, type JobError, type JobRequest, type JobStatus, type Usage } from '@millrace/contracts';

/** A job as its record holds it. Times are Redis's clock, ms since the epoch: one clock for all machines. */
export interface JobRecord {
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
  readonly request: JobRequest;
}

/** @param fields reply of HGETALL, empty when there is no such key */
export function parseRecord(id: string, fields: Record<string, string>): JobRecord | null {
  const { tenant, fingerprint, status, pipeline, model, request } = fields;
  if (
    tenant === undefined ||
    fingerprint === undefined ||
    status === undefined ||
    pipeline === undefined ||
    model === undefined ||
    request === undefined
  ) {
    return null;
  }
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
    request: JSON.parse(request) as JobRequest,
  };
}

export function isFinished(status: JobStatus): boolean {
  return status !== 'queued' && status !== 'active';
}

function numberOrNull(text: string | undefined): number | null {
  return text === undefined ? null : Number(text);
}

function jsonOrNull<T>(text: string | undefined): T | null {
  return text === undefined ? null : (JSON.parse(text) as T);
}
