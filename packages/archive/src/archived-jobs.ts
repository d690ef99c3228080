import { type JobRef, tenantOf } from '@millrace/contracts';
import type { ErasedCopies, RawJobs, ThawedJobs } from '@millrace/stream-log';
import { type ArchivedRecord, bytesOf } from './archived-job.ts';
import { ArchiveUnavailable } from './errors.ts';
import type { ArchivePage, ArchiveQuery, JobArchive } from './job-archive.ts';
import { ReadTurns } from './read-turns.ts';
import { within } from './within.ts';

/** How long a job stays in Redis that was read from the archive, milliseconds. For a reader that is slower
 *  than that, it is read again. */
const THAWED_MS = 600_000;

/** How long a read of the archive may take, milliseconds: less than a client waits. */
const READ_MS = 10_000;

/** How long a job counts as one that is just being read, milliseconds, and how long after its beginning a read may still store it. */
const READING_MS = 30_000;
const LATEST_STORE_MS = 25_000;

/** How long nobody asks an archive that did not answer, milliseconds. */
const AWAY_MS = 1_000;

/** Why it is not asked. */
const AWAY = new Error('the archive is away');

const BOUNDS = { atOnce: 16, ofTenant: 32 };

/** When to ask again, seconds: room comes when what is thawed leaves Redis; the rest takes seconds. */
const FULL_SECONDS = 60;
const SOON_SECONDS = 5;

/** How long one request erases what a tenant has, milliseconds. The workers go on after that. */
const ERASE_MS = 20_000;

/** What became of a question. */
export type ReadOutcome = 'thawed' | 'unknown' | 'refused' | 'failed';

export interface ArchivedJobsPorts {
  readonly archive: JobArchive;
  readonly jobs: Pick<RawJobs, 'thaw'>;
  readonly thawed: Pick<ThawedJobs, 'count' | 'forget' | 'of'>;
  readonly erasedCopies: Pick<ErasedCopies, 'note' | 'forget' | 'noteTenant' | 'forgetTenant' | 'readable'>;
}

/** Ended jobs that are in the archive, for those who look for them: puts them back into Redis for a while, so that everything that
 *  reads a job reads them, too.
 *
 *  A job that is not in Redis is asked for here, so anybody may make it ask for ids that nobody has. Its reads are bounded in number,
 *  for all and for each tenant; all who ask for one id share one read; what is thawed at a time is bounded in bytes, on all nodes together.
 *  @see docs/adr/0053-ended-jobs-leave-redis.md */
export class ArchivedJobs {
  /** told of each question for a job */
  onAsked: (outcome: ReadOutcome) => void = () => undefined;
  readonly #turns = new ReadTurns(BOUNDS);
  readonly #reads = new Map<JobRef, Promise<boolean>>();
  /** when the archive last did not answer, ms of performance.now() */
  #failedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly ports: ArchivedJobsPorts) {}

  /** Puts a job back into Redis, unless it is there.
   *  @returns whether it is in Redis now
   *  @throws ArchiveUnavailable
   *  @throws ContentUnreadable what the archive has cannot be read, here or at all
   *  @throws Error Redis does not answer */
  thaw(ref: JobRef): Promise<boolean> {
    const known = this.#reads.get(ref);
    if (known !== undefined) return known;
    const read = this.#thaw(ref)
      .then(
        (isThere) => {
          this.onAsked(isThere ? 'thawed' : 'unknown');
          return isThere;
        },
        (error: unknown) => {
          const isRefused = error instanceof ArchiveUnavailable && error.cause === undefined;
          this.onAsked(isRefused ? 'refused' : 'failed');
          throw error;
        },
      )
      .finally(() => this.#reads.delete(ref));
    this.#reads.set(ref, read);
    return read;
  }

  /** @param asker the tenant that asks
   *  @returns the jobs of all tenants that have an id
   *  @throws ArchiveUnavailable */
  holders(jobId: string, asker: string): Promise<JobRef[]> {
    return this.#turns.take(asker, () => this.#ask((signal) => this.ports.archive.holders(jobId, signal)));
  }

  /** @param asker the tenant that asks
   *  @returns a page without what is erased and still there: it may be short
   *  @throws ArchiveUnavailable
   *  @throws Error Redis does not answer */
  async list(query: ArchiveQuery, asker: string): Promise<ArchivePage> {
    const page = await this.listAll(query, asker);
    return { ...page, items: await this.readable(page.items) };
  }

  /** As {@link list}, with what is erased and still there: for erasure, not to be shown to anybody.
   *  @throws ArchiveUnavailable */
  listAll(query: ArchiveQuery, asker: string): Promise<ArchivePage> {
    return this.#turns.take(asker, () => this.#ask((signal) => this.ports.archive.list(query, signal)));
  }

  /** @returns those that are not erased, as far as this Redis knows
   *  @throws Error Redis does not answer */
  readable(records: readonly ArchivedRecord[]): Promise<ArchivedRecord[]> {
    return this.ports.erasedCopies.readable(records);
  }

  /** To be called before a job is erased from Redis: from now on nobody puts it back, and a worker that is just writing it, or finds that
   *  {@link erase} has failed, erases its copy. */
  async beginErasure(ref: JobRef): Promise<void> {
    await this.ports.erasedCopies.note(ref);
  }

  /** The job was not erased. */
  async abandonErasure(ref: JobRef): Promise<void> {
    await this.ports.erasedCopies.forget(ref);
  }

  /** To be called when the job is not in Redis any more, nor listed. Does not fail if the archive is away: then a worker does it later,
   *  and nobody can read it meanwhile.
   *  @throws Error Redis does not answer */
  async erase(ref: JobRef): Promise<void> {
    try {
      await this.#ask((signal) => this.ports.archive.erase(ref, signal));
    } catch (error) {
      if (error instanceof ArchiveUnavailable) return;
      throw error;
    }
    await this.ports.erasedCopies.forget(ref);
  }

  /** To be called before a tenant's jobs and threads are erased from Redis: from now on nobody reads what the archive has of it, and a worker
   *  erases that if {@link eraseTenant} does not come to it. */
  async beginTenantErasure(tenant: string): Promise<void> {
    await this.ports.erasedCopies.noteTenant(tenant);
  }

  /** Erases what the archive has of a tenant. To be called when Redis has no jobs of it but those that `eraseThawed` gets.
   *  @param eraseThawed erases jobs from Redis, and keeps those from it that are just being read
   *  @throws ArchiveUnavailable the rest is erased by a worker; nobody reads it meanwhile */
  async eraseTenant(tenant: string, eraseThawed: (refs: readonly JobRef[]) => Promise<void>): Promise<void> {
    const { archive, thawed, erasedCopies } = this.ports;
    // before those that are thawed are listed: none can be added then
    const erasedAt = await erasedCopies.noteTenant(tenant);
    await eraseThawed(await thawed.of(tenant));
    for (const begunAt = performance.now(); performance.now() - begunAt < ERASE_MS; ) {
      if (!(await this.#ask((signal) => archive.eraseTenant(tenant, erasedAt, signal)))) continue;
      await erasedCopies.forgetTenant({ tenant, erasedAt });
      return;
    }
    throw new ArchiveUnavailable('the tenant has more in the archive than one request erases', SOON_SECONDS);
  }

  #thaw(ref: JobRef): Promise<boolean> {
    const { archive, jobs, thawed } = this.ports;
    return this.#turns.take(tenantOf(ref), async () => {
      const begunAt = performance.now();
      // before it is read: whoever erases its tenant meanwhile finds it here, and keeps it out of Redis
      if (!(await this.#count(ref, 0, READING_MS))) return false;
      const job = await this.#ask((signal) => archive.get(ref, signal));
      if (job === null) {
        await thawed.forget(ref);
        return false;
      }
      if (!(await this.#count(ref, bytesOf(job), THAWED_MS))) return false;
      if (performance.now() - begunAt > LATEST_STORE_MS) {
        throw new ArchiveUnavailable('the archive did not answer in time', SOON_SECONDS);
      }
      return jobs.thaw(job, THAWED_MS);
    });
  }

  /** Asks the archive, unless it did not answer just now. */
  async #ask<T>(ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (performance.now() - this.#failedAt < AWAY_MS) {
      throw new ArchiveUnavailable('the archive did not answer just now', SOON_SECONDS, AWAY);
    }
    try {
      return await within(READ_MS, ask);
    } catch (error) {
      if (error instanceof ArchiveUnavailable) this.#failedAt = performance.now();
      throw error;
    }
  }

  /** @returns false: the job is erased */
  async #count(ref: JobRef, bytes: number, ttlMs: number): Promise<boolean> {
    switch (await this.ports.thawed.count(ref, { bytes, ttlMs })) {
      case 'counted':
        return true;
      case 'gone':
        return false;
      case 'erasing':
        throw new ArchiveUnavailable('the tenant is just being erased', SOON_SECONDS);
      case 'full':
        throw new ArchiveUnavailable('Redis has no room for another archived job now', FULL_SECONDS);
    }
  }
}
