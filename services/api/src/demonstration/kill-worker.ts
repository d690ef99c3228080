import type { Logger } from '@millrace/runtime';
import { Inject, Injectable } from '@nestjs/common';
import { JobAccess, type NamedJob } from '../jobs/job-access.ts';
import { LOGGER } from '../tokens.ts';

/** Asks for the death of the worker that runs a job. This process kills nothing: it says in its log whose worker is meant, and
 *  `npm start`, which reads that log and started the workers, does it. Anywhere else nobody obeys. */
@Injectable()
export class KillWorker {
  constructor(
    @Inject(JobAccess) private readonly access: JobAccess,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @throws JobNotFound, AmbiguousId */
  async run(named: NamedJob): Promise<void> {
    const { jobId, tenant, status } = await this.access.get(named);
    // its worker may be running another job by now
    if (status !== 'active') return;
    // scripts/run/worker-killer.mjs waits for these words
    this.logger.info({ requestId: jobId, tenant }, 'kill the worker');
  }
}
