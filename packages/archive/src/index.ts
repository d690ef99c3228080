export { ArchivedJobs, type ReadOutcome } from './archived-jobs.ts';
export { type ArchivedBatch, type ArchiveOutcome, Archiver } from './archiver.ts';
export { ArchiveUnavailable } from './errors.ts';
export type { ArchiveKind, ArchivePage, HeldCopy, JobArchive } from './job-archive.ts';
export { openArchive } from './open-archive.ts';
