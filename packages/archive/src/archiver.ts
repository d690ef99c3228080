import { setTimeout as delay } from 'node:timers/promises';
import type { JobRef } from '@millrace/contracts';
import type { ErasedCopies, RawJobs, UnarchivedJob, UnarchivedJobs } from '@millrace/stream-log';
import { archivedJob } from './archived-job.ts';
import type { JobArchive, PurgeStep } from './job-archive.ts';
import { within } from './within.ts';

/** A job that ended just now may still get what its worker has to report of its usage, milliseconds. */
const MIN_AGE_MS = 5_000;

/** Jobs that are leased at a time, and how many of them are written at once. */
const BATCH = 200;
const AT_ONCE = 8;

/** How long a job is leased, and how long one write may take, milliseconds. A write must have ended, or been given up, well before the
 *  lease does: what a worker writes later could bring back a job that was erased. */
const LEASE_MS = 60_000;
const WRITE_MS = 15_000;
/** How long after the lease began a write may begin, milliseconds. */
const LATEST_START_MS = LEASE_MS - 2 * WRITE_MS;

/** Erased jobs whose copies one sweep looks after. */
const ERASED = 100;

/** Told what became of a job. `missing`: Redis does not have it any more. `erased`: its copy was erased. */
export type ArchiveOutcome = 'written' | 'failed' | 'missing' | 'erased';

export interface ArchiverPorts {
  readonly archive: JobArchive;
  readonly jobs: Pick<RawJobs, 'read' | 'noteArchived' | 'isGone'>;
  readonly unarchived: Pick<UnarchivedJobs, 'take' | 'done' | 'release'>;
  readonly erasedCopies: Pick<ErasedCopies, 'due' | 'forget' | 'tenants' | 'forgetTenant'>;
  /** how long archived jobs stay in Redis after their end, milliseconds */
  readonly retentionMs: number;
  /** told of each job, with the error that `failed` has */
  readonly told: (outcome: ArchiveOutcome, ref: JobRef, error?: unknown) => void;
}

/** How a batch went. */
export interface ArchivedBatch {
  /** there may be more to do at once */
  readonly isFull: boolean;
  /** the archive, or Redis, is away: try again later */
  readonly hasFailed: boolean;
}

/** Writes ended jobs to the archive, and lets them leave Redis then. Any number of workers may do so at once: each job is leased to one
 *  of them, and one that is written twice is there once. What a crash leaves is leased again.
 *  @see docs/adr/0053-ended-jobs-leave-redis.md */
export class Archiver {
  constructor(
    private readonly ports: ArchiverPorts,
    private readonly options: { readonly minAgeMs?: number } = {},
  ) {}

  /** Writes the jobs that have waited longest.
   *  @param signal ends it after the writes that are under way
   *  @throws Error Redis does not answer */
  async run(signal: AbortSignal): Promise<ArchivedBatch> {
    const { unarchived } = this.ports;
    const leasedAt = performance.now();
    const { minAgeMs = MIN_AGE_MS } = this.options;
    const jobs = await unarchived.take({ minAgeMs, limit: BATCH, leaseMs: LEASE_MS });
    const left = [...jobs];
    let hasFailed = false;
    const write = async () => {
      while (!hasFailed && !signal.aborted && performance.now() - leasedAt < LATEST_START_MS) {
        const job = left.shift();
        if (job === undefined) return;
        // of one that has failed the archive may have a copy: it stays leased, so that nobody forgets it
        if (!(await this.#write(job))) hasFailed = true;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, write));
    await unarchived.release(left.map(({ ref }) => ref));
    return { isFull: jobs.length === BATCH, hasFailed };
  }

  /** Erases the copies that whoever erased a job, or a tenant, has left: the archive was away, or a process died.
   *  @throws ArchiveUnavailable
   *  @throws Error Redis does not answer */
  async finishErasures(signal: AbortSignal): Promise<void> {
    const { archive, erasedCopies, told } = this.ports;
    for (const ref of await erasedCopies.due(ERASED)) {
      if (signal.aborted) return;
      await within(WRITE_MS, (each) => archive.erase(ref, each));
      await erasedCopies.forget(ref);
      told('erased', ref);
    }
    for (const erased of await erasedCopies.tenants()) {
      const { tenant, erasedAt } = erased;
      while (!(await within(WRITE_MS, (each) => archive.eraseTenant(tenant, erasedAt, each)))) {
        if (signal.aborted) return;
      }
      await erasedCopies.forgetTenant(erased);
    }
  }

  /** Erases what has been in the archive for long enough.
   *  @param keptMs after the end of each job, milliseconds
   *  @returns how many jobs
   *  @throws ArchiveUnavailable */
  async purge(keptMs: number, signal: AbortSignal): Promise<number> {
    const { archive } = this.ports;
    const endedBefore = Date.now() - keptMs;
    let all = 0;
    for (let from: string | null = null; ; ) {
      const place: string | null = from;
      const { erased, next }: PurgeStep = await within(WRITE_MS, (each) => archive.purge(endedBefore, place, each));
      all += erased;
      if (next === null || signal.aborted) return all;
      from = next;
      // nobody waits for it, and others use the archive
      await delay(100, undefined, { signal }).catch(() => undefined);
    }
  }

  /** @returns false if it has failed */
  async #write({ ref, arrival }: UnarchivedJob): Promise<boolean> {
    const { archive, jobs, unarchived, told, retentionMs } = this.ports;
    try {
      const job = await jobs.read(ref);
      if (job !== null) await within(WRITE_MS, (signal) => archive.put(archivedJob(job, arrival), signal));
      const expiresAt = job === null ? null : await jobs.noteArchived(job, retentionMs);
      // another job may have its id by now, and its own place in the lists
      const listedUntil = expiresAt ?? ((await jobs.isGone(ref)) ? 0 : null);
      const threadId = job?.fields['threadId'] ?? null;
      if (await unarchived.done(ref, listedUntil, threadId)) told(job === null ? 'missing' : 'written', ref);
      else await this.#erase(ref);
      return true;
    } catch (error) {
      told('failed', ref, error);
      return false;
    }
  }

  /** The job was erased while it was being written. */
  async #erase(ref: JobRef): Promise<void> {
    const { archive, erasedCopies, told } = this.ports;
    await within(WRITE_MS, (signal) => archive.erase(ref, signal));
    await erasedCopies.forget(ref, { isWriter: true });
    told('erased', ref);
  }
}
