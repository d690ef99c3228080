import { type EventId, LOG_START, type StoredEvent } from '@millrace/contracts';
import type { JobReader } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { AuditLog } from '../auth/audit-log.ts';
import { JobAccess, type NamedJob } from '../jobs/job-access.ts';
import { JOB_READER } from '../tokens.ts';

export interface Revealed {
  readonly items: readonly { readonly id: EventId; readonly type: string; readonly data: unknown }[];
  /** after which event to ask again; null at the end */
  readonly nextCursor: EventId | null;
}

/** Shows what a job said. Who asks gives a reason, which is audited with the job's id. */
@Injectable()
export class RevealContent {
  constructor(
    @Inject(JobAccess) private readonly access: JobAccess,
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(AuditLog) private readonly audit: AuditLog,
  ) {}

  /** @throws JobNotFound, AmbiguousId */
  async run(named: NamedJob, { reason, after }: { reason: string; after?: EventId | undefined }): Promise<Revealed> {
    const { ref, tenant, jobId, threadId } = await this.access.get(named);
    // before anything is read: a line too many is better than one too few
    this.audit.record(named.caller, { action: 'job.reveal', tenant, target: jobId, threadId, details: { reason } });
    const { events, full } = await this.reader.page(ref, after ?? LOG_START);
    return { items: events.map(itemOf), nextCursor: full ? (events.at(-1)?.id ?? null) : null };
  }
}

function itemOf({ id, type, data }: StoredEvent) {
  return { id, type, data: JSON.parse(data) as unknown };
}
