import type { ProcessReports, SeenProcess } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { AuditLog } from '../auth/audit-log.ts';
import type { Caller } from '../auth/caller.ts';
import { WorkerNotFound } from '../http/problem.ts';
import { PROCESS_REPORTS } from '../tokens.ts';

/** A worker as operators see it. */
export interface WorkerView {
  readonly id: string;
  readonly version: string;
  readonly host: string;
  /** `draining`: it takes no jobs and still runs some; `drained`: it runs none */
  readonly state: 'running' | 'draining' | 'drained' | 'stopping';
  /** jobs that it runs at a time */
  readonly slots: number;
  readonly running: number;
  /** ISO 8601 */
  readonly startedAt: string;
  readonly lastSeenAt: string;
}

/** The workers: lists them, and tells them to take no more jobs. @see PROTOCOL.md §5 */
@Injectable()
export class Workers {
  constructor(
    @Inject(PROCESS_REPORTS) private readonly reports: ProcessReports,
    @Inject(AuditLog) private readonly audit: AuditLog,
  ) {}

  /** @returns those that were seen within the last 15 s, oldest first */
  async list(): Promise<WorkerView[]> {
    const { processes } = await this.reports.survey({ watches: false, countsJobs: false });
    const workers = processes.filter(({ kind }) => kind === 'worker');
    return workers.sort((one, other) => one.startedAt - other.startedAt).map(workerView);
  }

  /** Lets a worker take no more jobs; those that it runs go on. It hears of it with its next report, within 5 s.
   *  @throws WorkerNotFound */
  drain(id: string, caller: Caller): Promise<WorkerView> {
    return this.#order(id, 'drain', caller);
  }

  /** Lets a worker take jobs again.
   *  @throws WorkerNotFound */
  resume(id: string, caller: Caller): Promise<WorkerView> {
    return this.#order(id, null, caller);
  }

  async #order(id: string, order: 'drain' | null, caller: Caller): Promise<WorkerView> {
    const { processes } = await this.reports.survey({ watches: false, countsJobs: false });
    const worker = processes.find((process) => process.id === id && process.kind === 'worker');
    if (worker === undefined) throw new WorkerNotFound();
    await this.reports.order(id, order);
    this.audit.record(caller, {
      ...{ action: order === 'drain' ? 'worker.drain' : 'worker.resume', tenant: null, target: id },
    });
    return workerView({
      ...worker,
      order,
      state: order === null && worker.state === 'drained' ? 'running' : worker.state,
    });
  }
}

/** A worker that was told to drain counts as draining before it has heard of it. */
export function workerView({
  id,
  version,
  host,
  state,
  order,
  slots,
  total,
  startedAt,
  seenAt,
}: SeenProcess): WorkerView {
  const isDraining = state === 'drained' || (state === 'running' && order === 'drain');
  const drained = state === 'drained' && total.running === 0 ? 'drained' : 'draining';
  return {
    ...{ id, version, host, state: isDraining ? drained : state, slots, running: total.running },
    startedAt: new Date(startedAt).toISOString(),
    lastSeenAt: new Date(seenAt).toISOString(),
  };
}
