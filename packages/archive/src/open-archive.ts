import { fileURLToPath } from 'node:url';
import type { JobArchive } from './job-archive.ts';
import { FolderStore } from './stores/folder-store.ts';
import { ObjectArchive } from './stores/object-archive.ts';
import type { S3Location } from './stores/s3-store.ts';

/** Opens what MILLRACE_ARCHIVE names. Connects to nothing yet: an archive that is away keeps no service from starting. The SDK of S3 and
 *  the driver of PostgreSQL are loaded where they are needed.
 *  @param options of who lists jobs: has indexes made that a database lacks for it, and is told where that fails
 *  @throws TypeError no such URL */
export async function openArchive(
  url: string,
  options: { readonly onIndexFailed?: (error: unknown) => void } = {},
): Promise<JobArchive> {
  if (url.startsWith('s3:')) {
    const { S3Store } = await import('./stores/s3-store.ts');
    return new ObjectArchive(new S3Store(s3Location(url)));
  }
  if (url.startsWith('file:')) return new ObjectArchive(new FolderStore(fileURLToPath(url)));
  const { PostgresArchive } = await import('./stores/postgres-archive.ts');
  return new PostgresArchive(url, options);
}

/** @param url `s3://bucket/prefix?region=…&endpoint=…` */
export function s3Location(url: string): S3Location {
  const { host, pathname, searchParams } = new URL(url);
  const prefix = decodeURIComponent(pathname).split('/').filter(Boolean).join('/');
  return {
    bucket: host,
    prefix: prefix === '' ? '' : `${prefix}/`,
    region: searchParams.get('region') ?? undefined,
    endpoint: searchParams.get('endpoint') ?? undefined,
  };
}
