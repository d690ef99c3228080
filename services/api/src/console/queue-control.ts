import { Inject, Injectable } from '@nestjs/common';
import { AuditLog } from '../auth/audit-log.ts';
import type { Caller } from '../auth/caller.ts';
import { JobQueue } from '../jobs/queue/job-queue.ts';

/** Stops and starts the hand-out of jobs to all workers. */
@Injectable()
export class QueueControl {
  constructor(
    @Inject(JobQueue) private readonly queue: JobQueue,
    @Inject(AuditLog) private readonly audit: AuditLog,
  ) {}

  /** No worker takes a job any more, until {@link resume}. Running jobs go on, new ones are accepted and wait. */
  async pause(caller: Caller): Promise<void> {
    await this.queue.pause();
    this.audit.record(caller, { action: 'queue.pause', tenant: null, target: null });
  }

  async resume(caller: Caller): Promise<void> {
    await this.queue.resume();
    this.audit.record(caller, { action: 'queue.resume', tenant: null, target: null });
  }
}
