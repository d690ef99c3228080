import { type ArchivedJobs, type ArchivePage, ArchiveUnavailable } from '@millrace/archive';
import type { JobStatus } from '@millrace/contracts';
import { isFinished, type JobCatalogue, type JobOutline, type JobReader } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { ARCHIVED_JOBS, JOB_CATALOGUE, JOB_READER } from '../tokens.ts';

/** The most pages of the registry that one request reads, so that a rare status does not make it read all jobs. */
const MAX_PAGES = 20;

/** After all jobs that there are, µs. */
const LATEST_PLACE = '8999999999999999';

export interface JobPageQuery {
  /** null: all tenants */
  readonly tenant: string | null;
  readonly threadId?: string | undefined;
  readonly status?: JobStatus | undefined;
  readonly limit: number;
  /** only jobs that came before this place, µs */
  readonly before?: string | undefined;
  /** the tenant that asks */
  readonly asker: string;
}

export interface JobOutlines {
  /** newest first */
  readonly jobs: readonly JobOutline[];
  /** where the next page starts; null at the end */
  readonly next: string | null;
  /** some are left out: a shard or the archive did not answer, the archive has too many tenants for one list, or what it has of a job
   *  cannot be read */
  readonly isPartial: boolean;
}

/** A page of the registry, with what the archive has between its jobs. */
interface RegistryPage extends JobOutlines {
  /** the last place of the registry's; null: it has nothing there */
  readonly last: string | null;
  /** the archive should have been asked, and did not answer: these are the jobs in Redis */
  readonly away: ArchiveUnavailable | null;
}

/** A job, and its place in the order of the lists, µs. */
interface PlacedJob {
  readonly job: JobOutline;
  readonly place: number;
}

/** Pages of the jobs that there are, in Redis and in the archive, in one order. The archive is asked only where it may have something:
 *  the newest jobs are all in Redis. */
@Injectable()
export class JobPages {
  constructor(
    @Inject(JOB_CATALOGUE) private readonly catalogue: JobCatalogue,
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(ARCHIVED_JOBS) private readonly archived: ArchivedJobs | null,
  ) {}

  /** While the archive is away, a page has what Redis has. The next one then starts where Redis ends.
   *  @param matches which jobs to take
   *  @returns a page, which may be short, and even empty
   *  @throws ArchiveUnavailable it is away, and Redis has no more jobs from this place on */
  async read(query: JobPageQuery, matches: (job: JobOutline) => boolean = () => true): Promise<JobOutlines> {
    const jobs: JobOutline[] = [];
    let place = query.before;
    let away: ArchiveUnavailable | null = null;
    let isPartial = false;
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      const page: RegistryPage = await this.#page({ ...query, limit: query.limit - jobs.length, before: place }, away);
      jobs.push(...page.jobs.filter(matches));
      away = page.away;
      isPartial ||= page.isPartial;
      if (page.next === null) {
        if (away === null) return { jobs, next: null, isPartial };
        // a client that goes on from there must not do so for ever
        if (jobs.length === 0 && query.before !== undefined) throw away;
        return { jobs, next: page.last ?? place ?? LATEST_PLACE, isPartial };
      }
      place = page.next;
      // a page is longer where a cursor could not divide it
      if (jobs.length >= query.limit) break;
    }
    return { jobs, next: place ?? null, isPartial };
  }

  /** @param away why the archive need not be asked again; null: it may answer */
  async #page(query: JobPageQuery, away: ArchiveUnavailable | null): Promise<RegistryPage> {
    const { tenant, threadId, status, limit, before } = query;
    const listed = await this.catalogue.list({ tenant, threadId, limit, cursor: before });
    const { isPartial = false } = listed;
    // without its shard, a job that is listed elsewhere may not be found, either
    const outlines = isPartial
      ? await Promise.all(listed.refs.map((ref) => this.reader.outline(ref).catch(() => null)))
      : await this.reader.outlines(listed.refs);
    const here = outlines.flatMap((job, nth): PlacedJob[] =>
      job === null ? [] : [{ job, place: Number(listed.places[nth]) }],
    );
    const ofStatus = here.filter(({ job }) => status === undefined || job.status === status);
    const inRedis = {
      jobs: ofStatus.map(({ job }) => job),
      next: listed.nextCursor,
      last: listed.places.at(-1) ?? null,
    };
    // a job whose record is gone has just left, and the lists are about to follow
    const hasLeft = here.length < listed.refs.length;
    // what has not ended is not there
    const archived = status === undefined || isFinished(status) ? this.archived : null;
    if (archived === null || !(hasLeft || (await this.#reachesArchive(listed.nextCursor)))) {
      return { ...inRedis, isPartial, away };
    }
    const archive = away ?? (await this.#archivePage(archived, query));
    if (archive instanceof ArchiveUnavailable) return { ...inRedis, isPartial: true, away: archive };
    const known = new Set(here.map(({ job }) => job.ref));
    const others = archive.items.filter(({ ref }) => !known.has(ref));
    const fromArchive = await Promise.all(
      others.map(async ({ ref, fields, arrival }): Promise<PlacedJob[]> => {
        const job = await this.reader.outlineOf(ref, fields);
        return job === null ? [] : [{ job, place: Number(arrival) }];
      }),
    );
    return {
      ...merged([...ofStatus, ...fromArchive.flat()], limit, [listed.nextCursor, archive.next]),
      ...{ last: inRedis.last, away: null },
      isPartial: isPartial || archive.isPartial === true || archive.unreadable.length > 0,
    };
  }

  async #archivePage(archived: ArchivedJobs, query: JobPageQuery): Promise<ArchivePage | ArchiveUnavailable> {
    const { tenant, threadId, status, before, limit, asker } = query;
    try {
      return await archived.list({ tenant, threadId, status, before, limit }, asker);
    } catch (error) {
      if (error instanceof ArchiveUnavailable) return error;
      throw error;
    }
  }

  async #reachesArchive(end: string | null): Promise<boolean> {
    return end === null || this.catalogue.mayHaveLeftSince(end);
  }
}

/** @param stops the places at which the sources have stopped; null: one has nothing more. Beyond the first of them, not all is known */
function merged(
  jobs: readonly PlacedJob[],
  limit: number,
  stops: readonly (string | null)[],
): Omit<JobOutlines, 'isPartial'> {
  const places = stops.filter((stop) => stop !== null).map(Number);
  const stop = Math.max(0, ...places);
  const known = jobs.filter(({ place }) => place >= stop).sort((one, other) => other.place - one.place);
  const chosen = known.slice(0, limit);
  const last = known.length > limit ? (chosen.at(-1)?.place ?? null) : places.length === 0 ? null : stop;
  return { jobs: chosen.map(({ job }) => job), next: last === null ? null : String(last) };
}
