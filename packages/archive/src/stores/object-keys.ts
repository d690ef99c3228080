import { createHash } from 'node:crypto';
import { idOf, type JobRef, jobRef, tenantOf } from '@millrace/contracts';
import type { ArchivedRecord } from '../archived-job.ts';

/** Later than any arrival, µs since 1970: what comes last has the smallest difference, and so the first key. */
const END = 9_000_000_000_000_000n;
/** Digits of the difference that are a folder: some 28 hours each. */
const FOLDER_DIGITS = 5;

/** Statuses by the letter that a key has for them. */
const STATUSES: Readonly<Record<string, string>> = { c: 'completed', f: 'failed', x: 'cancelled' };
const LETTERS = new Map(Object.entries(STATUSES).map(([letter, status]) => [status, letter]));

/** What the key of an entry says of its job, so that most need not be read. */
export interface IndexEntry {
  readonly key: string;
  readonly ref: JobRef;
  readonly arrival: string;
  readonly finishedAt: number;
  readonly status: string;
  readonly threadId: string | null;
}

/** `jobs/<shard>/<id>~<tenant>`: record and log. Those of all tenants that have an id are neighbours. */
export function jobKey(ref: JobRef): string {
  return `${idPrefix(idOf(ref))}${tenantOf(ref)}`;
}

/** What the keys of the jobs begin with that have an id. */
export function idPrefix(jobId: string): string {
  const shard = createHash('sha256').update(jobId).digest('hex').slice(0, 3);
  return `jobs/${shard}/${jobId}~`;
}

/** @param key of a job with that id */
export function refOfJobKey(jobId: string, key: string): JobRef {
  return jobRef(key.slice(key.lastIndexOf('~') + 1), jobId);
}

export const INDEX = 'index/';

export function indexPrefix(tenant: string): string {
  return `${INDEX}${tenant}/`;
}

/** `index/<tenant>/<place>/<place>~<id>~<thread>~<status>~<end>`: the record alone. In the order of keys, the newest job is first. */
export function indexKey({ ref, arrival, threadId, status, finishedAt }: Omit<ArchivedRecord, 'fields'>): string {
  const traits = [idOf(ref), threadId ?? '', LETTERS.get(status) ?? '', finishedAt.toString(36)];
  return `${indexPrefix(tenantOf(ref))}${placeOf(BigInt(arrival))}~${traits.join('~')}`;
}

/** @returns a key that is after those of all jobs that arrived then or later, and before all others */
export function keyBefore(tenant: string, arrival: string): string {
  return `${indexPrefix(tenant)}${placeOf(BigInt(arrival))}~~`;
}

/** @returns null: not a key of an entry */
export function parseIndexKey(tenant: string, key: string): IndexEntry | null {
  const [place = '', id, thread, letter, end] = key.slice(indexPrefix(tenant).length).split('~');
  const digits = place.replace('/', '');
  if (id === undefined || thread === undefined || letter === undefined || end === undefined) return null;
  if (!/^\d{16}$/.test(digits)) return null;
  return {
    key,
    ref: jobRef(tenant, id),
    arrival: String(END - BigInt(digits)),
    finishedAt: Number.parseInt(end, 36),
    status: STATUSES[letter] ?? '',
    threadId: thread === '' ? null : thread,
  };
}

function placeOf(arrival: bigint): string {
  const digits = String(END - arrival).padStart(16, '0');
  return `${digits.slice(0, FOLDER_DIGITS)}/${digits.slice(FOLDER_DIGITS)}`;
}
