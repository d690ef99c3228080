import {
  type AttemptUsage,
  type EventId,
  type JobError,
  type JobStatus,
  LOG_START,
  type Usage,
} from '@millrace/contracts';
import {
  JobNotFound,
  type JobOutline,
  type JobReader,
  type ProcessReports,
  type ReaderCensus,
} from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { AuditEntry } from '../auth/audit-log.ts';
import { AuditTrail } from '../auth/audit-trail.ts';
import { seesAllTenants } from '../auth/listed-tenant.ts';
import { JobAccess, type NamedJob } from '../jobs/job-access.ts';
import type { ApiSettings } from '../settings.ts';
import { JOB_READER, PROCESS_REPORTS, READER_CENSUS, SETTINGS } from '../tokens.ts';
import { Timeline, type TimelineEntry } from './timeline.ts';

/** How long after its end a job may still be named by the entry of a cancel of many, milliseconds. */
const MANY_MS = 60_000;
/** How far the clocks of a node and of Redis may differ, milliseconds. */
const CLOCKS_MS = 5_000;

/** A job without its content. Times: ISO 8601. */
export interface JobSummary {
  readonly id: string;
  readonly tenant: string;
  readonly status: JobStatus;
  readonly pipeline: string;
  readonly model: string;
  readonly attempt: number;
  readonly threadId: string | null;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly firstTokenAt: string | null;
  readonly finishedAt: string | null;
  readonly error: JobError | null;
}

type AuditedAct = Pick<AuditEntry, 'action' | 'by' | 'details'> & { readonly at: string };

/** Everything that is known of a job but what it says. */
export interface JobInspection {
  readonly job: JobSummary & {
    readonly lastEventId: EventId;
    readonly onDisconnect: 'continue' | 'cancel';
    readonly delayMs: number;
    /** how often it has lost its worker */
    readonly losses: number;
    readonly usage: Usage | null;
    readonly attemptUsage: Readonly<Record<number, AttemptUsage>>;
    /** in Redis */
    readonly bytes: { readonly log: number; readonly request: number };
  };
  readonly timeline: readonly TimelineEntry[];
  /** entries in the middle that are left out */
  readonly omitted: number;
  readonly logExpired: boolean;
  readonly readers: readonly { readonly node: string; readonly host: string | null; readonly readers: number }[];
  /** who cancelled it, or read its content; of a cancel of many those that may have been it */
  readonly audit: readonly AuditedAct[];
  readonly traceparent: string | null;
  readonly traceUrl: string | null;
}

/** Shows what happened to a job. */
@Injectable()
export class InspectJob {
  constructor(
    @Inject(JobAccess) private readonly access: JobAccess,
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(READER_CENSUS) private readonly census: ReaderCensus,
    @Inject(PROCESS_REPORTS) private readonly reports: ProcessReports,
    @Inject(AuditTrail) private readonly trail: AuditTrail<AuditEntry>,
    @Inject(SETTINGS) private readonly settings: ApiSettings,
  ) {}

  /** @param timeline what an earlier look has read already
   *  @throws JobNotFound, AmbiguousId
   *  @throws ContentUnreadable `unavailable` */
  async run(named: NamedJob, timeline = new Timeline()): Promise<JobInspection> {
    const job = await this.access.get(named);
    const [, readers, traits, audit] = await Promise.all([
      this.#read(job, timeline),
      this.#readersOf(job),
      this.reader.traits(job.ref),
      this.#auditOf(job, seesAllTenants(named.caller)),
    ]);
    if (traits === null) throw new JobNotFound(job.jobId);
    const { view, newest } = timeline;
    return {
      job: {
        ...summaryOf(job),
        ...{
          lastEventId: job.lastEventId,
          onDisconnect: job.onDisconnect,
          delayMs: job.delayMs,
          losses: traits.losses,
        },
        ...{ usage: job.usage, attemptUsage: Object.fromEntries(job.attemptUsage) },
        bytes: { log: job.bytes.log, request: job.bytes.request },
      },
      ...{ timeline: view.entries, omitted: view.omitted, logExpired: newest === null, readers, audit },
      traceparent: traits.traceparent,
      traceUrl: this.#traceUrl(traits.traceparent),
    };
  }

  async #read({ ref }: JobOutline, timeline: Timeline): Promise<void> {
    for (;;) {
      const { events, full } = await this.reader.readablePage(ref, timeline.newest ?? LOG_START);
      timeline.add(events);
      if (!full) return;
    }
  }

  async #readersOf({ ref }: JobOutline): Promise<JobInspection['readers']> {
    const readers = await this.census.ask(ref);
    if (readers.length === 0) return [];
    const { processes } = await this.reports.survey({ watches: false, countsJobs: false });
    const hosts = new Map(processes.map(({ id, host }) => [id, host]));
    return readers.map((node) => ({ ...node, host: hosts.get(node.node) ?? null }));
  }

  /** @param shows whether the caller may know who else acts */
  async #auditOf(job: JobOutline, shows: boolean): Promise<AuditedAct[]> {
    if (!shows) return [];
    const entries = await this.trail.latest();
    return entries
      .filter((entry) => concerns(entry, job))
      .map(({ at, action, by, details }) => ({
        ...{ at, action, by },
        ...(details === undefined ? {} : { details }),
      }));
  }

  #traceUrl(traceparent: string | null): string | null {
    const template = this.settings.MILLRACE_TRACE_URL;
    const traceId = traceparent?.split('-')[1];
    return template === undefined || traceId === undefined ? null : template.replaceAll('{traceId}', traceId);
  }
}

function concerns(entry: AuditEntry & { readonly at: string }, job: JobOutline): boolean {
  if (entry.target !== null) return entry.target === job.jobId && entry.tenant === job.tenant;
  if (entry.action !== 'jobs.cancel' || job.status !== 'cancelled' || job.finishedAt === null) return false;
  const afterMs = Date.parse(entry.at) - job.finishedAt;
  const isNear = afterMs > -CLOCKS_MS && afterMs < MANY_MS;
  return isNear && entry.details?.['cancelled'] !== 0 && (entry.tenant ?? job.tenant) === job.tenant;
}

export function summaryOf(job: JobOutline): JobSummary {
  return {
    ...{ id: job.jobId, tenant: job.tenant, status: job.status, pipeline: job.pipeline, model: job.model },
    ...{ attempt: job.attempt, threadId: job.threadId, createdAt: new Date(job.createdAt).toISOString() },
    ...{ startedAt: iso(job.startedAt), firstTokenAt: iso(job.firstTokenAt), finishedAt: iso(job.finishedAt) },
    error: job.error,
  };
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
