import type { JobRequest, JobStatus } from '@millrace/contracts';
import { IdempotencyMismatch, type JobIndex, type JobOpener, type JobReader, type NewJob } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { QueueFull, RateLimited, Unavailable } from '../http/problem.ts';
import type { ApiSettings } from '../settings.ts';
import { JOB_INDEX, JOB_OPENER, JOB_READER, SETTINGS } from '../tokens.ts';

/** A job as it was taken in, or found. */
export interface TakenJob {
  readonly id: string;
  readonly status: JobStatus;
  readonly attempt: number;
  /** its place in the queue while it is queued. @see JobIndex */
  readonly priority: number;
  readonly request: JobRequest;
  /** false: the same request had been taken before */
  readonly isNew: boolean;
}

interface TakeOptions {
  /** false when nobody else can know the id: saves the look at the record */
  readonly mayExist: boolean;
  /** what has to be there before the job is recorded */
  readonly ready?: Promise<void> | undefined;
}

/** Counts a job in and records it, in this order: what is recorded is always counted, and a sweep finds it (law 15). */
@Injectable()
export class Intake {
  constructor(
    @Inject(SETTINGS) private readonly settings: ApiSettings,
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(JOB_INDEX) private readonly index: JobIndex,
    @Inject(JOB_OPENER) private readonly opener: JobOpener,
  ) {}

  /** @throws QueueFull, RateLimited
   *  @throws IdempotencyMismatch another body, or another tenant, holds the id
   *  @throws what `ready` does */
  async take(job: NewJob, { mayExist, ready }: TakeOptions): Promise<TakenJob> {
    // limits are for new work: whoever comes back to a job is never turned away
    const isKnown = mayExist && (await this.reader.get(job.id)) !== null;
    const [admitted] = await Promise.all([isKnown ? null : this.#admit(job), ready]);
    const outcome = await this.#open(job, isKnown);
    const { id, tenant, request } = job;
    if (outcome === 'opened') {
      const priority = admitted ?? (await this.index.priorityOf({ id, tenant, attempt: 0 }));
      return { id, status: 'queued', attempt: 0, priority, request, isNew: true };
    }
    const record = await this.reader.get(job.id);
    if (record === null) throw new Unavailable(); // it expired this very moment; a new try makes a new job
    const { status, attempt } = record;
    return {
      id,
      status,
      attempt,
      priority: await this.index.priorityOf(record),
      request: record.request,
      isNew: false,
    };
  }

  /** @returns its place in the queue */
  async #admit(job: NewJob): Promise<number> {
    const verdict = await this.index.admit(job, {
      maxQueued: this.settings.MILLRACE_MAX_QUEUED_JOBS,
      maxOpenPerTenant: this.settings.MILLRACE_MAX_JOBS_PER_TENANT,
    });
    if (verdict.outcome === 'admitted') return verdict.priority;
    throw verdict.outcome === 'queue-full' ? new QueueFull() : new RateLimited();
  }

  async #open(job: NewJob, isKnown: boolean): Promise<'opened' | 'existing'> {
    try {
      return await this.opener.open(job);
    } catch (error) {
      // After any other failure the record may be there or not: the sweep looks, and keeps or drops the admission.
      if (error instanceof IdempotencyMismatch && !isKnown) await this.#withdrawFromOther(job);
      throw error;
    }
  }

  /** Two tenants chose one id at the same moment, and this one lost: only its own entries go. */
  async #withdrawFromOther(job: NewJob): Promise<void> {
    const holder = await this.reader.get(job.id);
    if (holder !== null && holder.tenant !== job.tenant) await this.index.withdraw(job, false);
  }
}
