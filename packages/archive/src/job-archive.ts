import type { JobRef } from '@millrace/contracts';
import type { ArchivedJob, ReadRecords } from './archived-job.ts';

/** Which jobs to list, newest first. */
export interface ArchiveQuery {
  /** null: all tenants */
  readonly tenant: string | null;
  /** of the tenant */
  readonly threadId?: string | undefined;
  readonly status?: string | undefined;
  /** only jobs that came before this place, µs */
  readonly before?: string | undefined;
  readonly limit: number;
}

/** A job in the archive, and when it ended, ms since the epoch: 0 if nobody can read it. */
export interface HeldCopy {
  readonly ref: JobRef;
  readonly finishedAt: number;
}

/** Newest first; a page may be short, and even empty. */
export interface ArchivePage extends ReadRecords {
  /** the place after which the next page starts; null: there is nothing more */
  readonly next: string | null;
  /** there are more tenants than one list goes through */
  readonly isPartial?: boolean;
}

/** How far a purge has come. */
export interface PurgeStep {
  /** how many jobs were erased */
  readonly erased: number;
  /** where the next step starts; null: none is left */
  readonly next: string | null;
}

/** Which kind of store: the values of a metric's label. */
export type ArchiveKind = 'postgresql' | 's3' | 'folder';

/** Keeps ended jobs for as long as the operator likes, in one store for the whole deployment. It keeps bytes and knows nothing of what
 *  they say: what is sealed stays sealed.
 *
 *  Every method rejects when its signal aborts, at the latest when the store answers, and with whatever the store throws. Each may be
 *  repeated: the same job twice is one, and what is gone may be erased again. A job that was put is found by each later `get`. */
export interface JobArchive {
  readonly kind: ArchiveKind;
  /** Replaces what there is under the same reference. Resolves when it is durable. */
  put(job: ArchivedJob, signal: AbortSignal): Promise<void>;
  /** @returns null: there is none
   *  @throws NewerFormat, ArchiveDamaged */
  get(ref: JobRef, signal: AbortSignal): Promise<ArchivedJob | null>;
  /** @returns the jobs of all tenants that have an id, some dozens at most */
  holders(jobId: string, signal: AbortSignal): Promise<HeldCopy[]>;
  list(query: ArchiveQuery, signal: AbortSignal): Promise<ArchivePage>;
  erase(ref: JobRef, signal: AbortSignal): Promise<void>;
  /** Erases a part of what a tenant has.
   *  @param endedBy only jobs that ended by then, ms since the epoch
   *  @returns whether nothing is left of it */
  eraseTenant(tenant: string, endedBy: number, signal: AbortSignal): Promise<boolean>;
  /** Erases some of the jobs that ended before a time, ms since the epoch, in steps that look at a bounded number of
   *  tenants.
   *  @param from where the step before has stopped; null: this is the first */
  purge(endedBefore: number, from: string | null, signal: AbortSignal): Promise<PurgeStep>;
  close(): Promise<void>;
}
