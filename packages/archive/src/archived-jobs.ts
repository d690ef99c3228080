import { type JobRef, tenantOf } from '@millrace/contracts';
import { ContentUnreadable, type ErasedCopies, type RawJobs, type ThawedJobs } from '@millrace/stream-log';
import { ArchiveReach } from './archive-reach.ts';
import { bytesOf } from './archived-job.ts';
import { ArchiveUnavailable } from './errors.ts';
import type { ArchivePage, ArchiveQuery, HeldCopy, JobArchive } from './job-archive.ts';
import { ReadTurns } from './read-turns.ts';

/** How long a job stays in Redis that was read from the archive, milliseconds. For a reader that is slower
 *  than that, it is read again. */
const THAWED_MS = 600_000;

/** How long a job counts as one that is just being read, milliseconds, and how long after its beginning a read may still store it. */
const READING_MS = 30_000;
const LATEST_STORE_MS = 25_000;

/** Where there are no keys, all callers are one tenant: its share must hold a page that asks for each of a few hundred jobs. */
const BOUNDS = { atOnce: 16, waiting: 4_000, waitingOfTenant: 1_000, waitMs: 10_000 };

/** When to ask again, seconds: room comes when what is thawed leaves Redis; the rest takes seconds. */
const FULL_SECONDS = 60;
const SOON_SECONDS = 5;

/** Jobs to remember whose copies cannot be read. */
const MAX_UNREADABLE = 1_000;

/** How long one request erases what a tenant has, milliseconds. The workers go on after that. */
const ERASE_MS = 20_000;

/** What became of a question. */
export type ReadOutcome = 'thawed' | 'unknown' | 'refused' | 'failed';

export interface ArchivedJobsPorts {
  readonly archive: JobArchive;
  readonly jobs: Pick<RawJobs, 'thaw'>;
  readonly thawed: Pick<ThawedJobs, 'count' | 'forget' | 'of'>;
  readonly erasedCopies: Pick<ErasedCopies, 'note' | 'forget' | 'noteTenant' | 'forgetTenant' | 'readable'>;
  /** told once of each job whose copy cannot be read */
  readonly onUnreadable?: (ref: JobRef, reason: ContentUnreadable) => void;
}

/** Ended jobs that are in the archive, for those who look for them: puts them back into Redis for a while, so that everything that
 *  reads a job reads them, too.
 *
 *  A job that is not in Redis is asked for here, so anybody may make it ask for ids that nobody has. Its reads are bounded in number,
 *  for all and for each tenant, and so are those that wait; all who ask for one id share one read; what is thawed at a time is bounded in
 *  bytes, on all nodes together.
 *  @see docs/adr/0053-ended-jobs-leave-redis.md */
export class ArchivedJobs {
  /** told of each question for a job */
  onAsked: (outcome: ReadOutcome) => void = () => undefined;
  readonly #turns = new ReadTurns(BOUNDS);
  readonly #reads = new Map<JobRef, Promise<boolean>>();
  readonly #reach: ArchiveReach;
  readonly #unreadable = new Set<JobRef>();

  constructor(private readonly ports: ArchivedJobsPorts) {
    this.#reach = new ArchiveReach(ports.archive);
  }

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
          if (error instanceof ContentUnreadable) this.#tellUnreadable(ref, error);
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
   *  @returns the jobs of all tenants that have an id, without what is erased and still there
   *  @throws ArchiveUnavailable
   *  @throws Error Redis does not answer */
  async holders(jobId: string, asker: string): Promise<JobRef[]> {
    const copies = await this.readable(await this.allHolders(jobId, asker));
    return copies.map(({ ref }) => ref);
  }

  /** As {@link holders}, with what is erased and still there.
   *  @throws ArchiveUnavailable */
  allHolders(jobId: string, asker: string): Promise<HeldCopy[]> {
    return this.#inTurn(asker, () => this.#reach.ask((signal) => this.ports.archive.holders(jobId, signal)));
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
  async listAll(query: ArchiveQuery, asker: string): Promise<ArchivePage> {
    const list = (signal: AbortSignal) => this.ports.archive.list(query, signal);
    const page = await this.#inTurn(asker, () => this.#reach.ask(list));
    for (const { ref, reason } of page.unreadable) this.#tellUnreadable(ref, reason);
    return page;
  }

  /** @returns those that are not erased, as far as this Redis knows
   *  @throws Error Redis does not answer */
  readable<Copy extends HeldCopy>(copies: readonly Copy[]): Promise<Copy[]> {
    return this.ports.erasedCopies.readable(copies);
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
    return this.#inTurn(tenantOf(ref), async () => {
      const begunAt = performance.now();
      // before it is read: whoever erases its tenant meanwhile finds it here, and keeps it out of Redis
      if (!(await this.#count(ref, 0, READING_MS))) return false;
      const job = await this.#reach.ask((signal) => archive.get(ref, signal));
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

  /** While the archive is away, nobody waits: neither for a turn nor for an answer. */
  async #inTurn<T>(tenant: string, read: () => Promise<T>): Promise<T> {
    await this.#reach.requireThere();
    return this.#turns.take(tenant, async () => {
      await this.#reach.requireThere();
      return read();
    });
  }

  async #ask<T>(ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
    await this.#reach.requireThere();
    return this.#reach.ask(ask);
  }

  #tellUnreadable(ref: JobRef, reason: ContentUnreadable): void {
    if (this.#unreadable.has(ref)) return;
    if (this.#unreadable.size >= MAX_UNREADABLE) this.#unreadable.clear();
    this.#unreadable.add(ref);
    this.ports.onUnreadable?.(ref, reason);
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
