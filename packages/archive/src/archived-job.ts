import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { idOf, type JobRef, tenantOf } from '@millrace/contracts';
import { ContentUnreadable, NewerFormat, type RawEvent, type RawJob } from '@millrace/stream-log';
import { ArchiveDamaged } from './errors.ts';

const compress = promisify(gzip);
const decompress = promisify(gunzip);

/** The newest format of an archived job that this version reads, and that it writes. What is inside, record and log, has a format of its
 *  own: that in which Redis had it. */
const ARCHIVE_FORMAT = 1;

/** Larger than any log may be, bytes: what claims to hold more was not written here. */
const MAX_BYTES = 2 ** 31 - 1;

/** An archived job without its log: what lists need. */
export interface ArchivedRecord {
  readonly ref: JobRef;
  /** its place in the lists: when it was admitted, µs */
  readonly arrival: string;
  /** ms since the epoch */
  readonly finishedAt: number;
  readonly status: string;
  readonly threadId: string | null;
  /** of the record, as Redis had them */
  readonly fields: Readonly<Record<string, string>>;
}

export interface ArchivedJob extends ArchivedRecord {
  /** of the log, as Redis had them, oldest first */
  readonly events: readonly RawEvent[];
}

/** A job of a list whose record nobody can read here: it was damaged, or a newer version has written it. */
interface UnreadableRecord {
  readonly ref: JobRef;
  readonly reason: ContentUnreadable;
}

/** What a list has found. One record that cannot be read does not hide the others. */
export interface ReadRecords {
  readonly items: readonly ArchivedRecord[];
  readonly unreadable: readonly UnreadableRecord[];
}

/** @param arrival its place in the lists, µs; null: it is not known */
export function archivedJob({ ref, fields, events }: RawJob, arrival: string | null): ArchivedJob {
  return {
    ref,
    arrival: arrival ?? `${fields['createdAt']}000`,
    finishedAt: Number(fields['finishedAt']),
    status: fields['status'] ?? '',
    threadId: fields['threadId'] ?? null,
    fields,
    events,
  };
}

/** What a job takes, bytes, roughly as in Redis. */
export function bytesOf({ fields, events }: Pick<ArchivedJob, 'fields' | 'events'>): number {
  let bytes = 2_048;
  for (const [name, value] of Object.entries(fields)) bytes += name.length + Buffer.byteLength(value);
  for (const [id, type, data] of events) bytes += id.length + type.length + Buffer.byteLength(data);
  return bytes;
}

/** @returns a record, and with it a log if there is one, as the stores keep them: JSON, compressed */
export function encode(job: ArchivedRecord | ArchivedJob): Promise<Buffer> {
  const { ref, ...rest } = job;
  const document = { format: ARCHIVE_FORMAT, tenant: tenantOf(ref), id: idOf(ref), ...rest };
  return compress(JSON.stringify(document));
}

/** Reads the records of a list.
 *  @param found in its order; without bytes: it is gone */
export async function decodeRecords(
  found: readonly { readonly ref: JobRef; readonly bytes: Buffer | null }[],
): Promise<ReadRecords> {
  const items: ArchivedRecord[] = [];
  const unreadable: UnreadableRecord[] = [];
  for (const { ref, bytes } of found) {
    if (bytes === null) continue;
    try {
      const { events: _, ...record } = await decodeJob(ref, bytes);
      items.push(record);
    } catch (error) {
      if (!(error instanceof ContentUnreadable)) throw error;
      unreadable.push({ ref, reason: error });
    }
  }
  return { items, unreadable };
}

/** @param ref whose it must be: bytes that were put elsewhere are not taken for those of another job
 *  @throws NewerFormat, ArchiveDamaged */
export async function decodeJob(ref: JobRef, bytes: Buffer): Promise<ArchivedJob> {
  const document = await parse(bytes);
  const { format, tenant, id, events = [], ...rest } = document;
  if (format !== undefined && format > ARCHIVE_FORMAT) throw new NewerFormat();
  if (format === undefined || tenant !== tenantOf(ref) || id !== idOf(ref)) throw new ArchiveDamaged();
  if (!isPlace(rest) || !isObject(rest.fields) || !Array.isArray(events)) throw new ArchiveDamaged();
  return { ...rest, ref, events };
}

/** Where a job stands in the lists, whatever its format: what erases it must know no more.
 *  @throws ArchiveDamaged */
export async function decodePlace(ref: JobRef, bytes: Buffer): Promise<Omit<ArchivedRecord, 'fields'>> {
  const document = await parse(bytes);
  if (!isPlace(document)) throw new ArchiveDamaged();
  const { arrival, finishedAt, status, threadId } = document;
  return { ref, arrival, finishedAt, status, threadId };
}

function isPlace({ arrival, finishedAt, status }: Document): boolean {
  return /^\d+$/.test(arrival) && Number.isFinite(finishedAt) && typeof status === 'string';
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

type Document = Omit<ArchivedRecord, 'ref'> & {
  readonly format?: number;
  readonly tenant?: string;
  readonly id?: string;
  readonly events?: readonly RawEvent[];
};

async function parse(bytes: Buffer): Promise<Document> {
  const document = await decompress(bytes, { maxOutputLength: MAX_BYTES })
    .then((text) => JSON.parse(text.toString()) as unknown)
    .catch((error: unknown) => {
      throw new ArchiveDamaged(error);
    });
  if (!isObject(document)) throw new ArchiveDamaged();
  return document as Document;
}
