import { type JobRef, tenantOf } from '@millrace/contracts';
import { type ArchivedJob, decodeJob, decodePlace, decodeRecords, encode } from '../archived-job.ts';
import type { ArchiveKind, ArchivePage, ArchiveQuery, HeldCopy, JobArchive, PurgeStep } from '../job-archive.ts';
import {
  INDEX,
  type IndexEntry,
  idPrefix,
  indexKey,
  indexPrefix,
  jobKey,
  keyBefore,
  parseIndexKey,
  refOfJobKey,
} from './object-keys.ts';
import type { ObjectStore } from './object-store.ts';

/** Keys that one step of a list looks at, and all steps together: a rare status or thread must not make one request look at all. */
const STEP_KEYS = 1_000;
const MAX_KEYS = 10_000;
/** Jobs that are erased in one call. */
const ERASED = 200;
/** Tenants that a list of all goes through, and how many at a time. */
const MAX_TENANTS = 2_000;
const AT_A_TIME = 16;
/** Tenants that one step of a purge looks at. */
const PURGED_TENANTS = 20 * AT_A_TIME;
const MAX_HOLDERS = 50;

/** What a list has found, and how far it has come. */
interface Found {
  readonly entries: readonly IndexEntry[];
  /** nothing follows */
  readonly isEnd: boolean;
  /** the last place that was looked at; null: none */
  readonly last: string | null;
}

/** An archive of two objects for each job: record and log under its id, the record alone under its place in the lists. The first is
 *  written before the second and erased after it, so that a crash leaves no entry without a job, and what it leaves is found by id. */
export class ObjectArchive implements JobArchive {
  constructor(private readonly store: ObjectStore) {}

  get kind(): ArchiveKind {
    return this.store.kind;
  }

  async put(job: ArchivedJob, signal: AbortSignal): Promise<void> {
    const { events: _, ...record } = job;
    const [whole, entry] = await Promise.all([encode(job), encode(record)]);
    const key = indexKey(record);
    // an earlier job may have had the id: its place in the lists goes
    const before = await this.#indexKeyOf(job.ref, signal);
    await this.store.put(jobKey(job.ref), whole, signal);
    await this.store.put(key, entry, signal);
    if (before !== null && before !== key) await this.store.delete(before, signal);
  }

  async get(ref: JobRef, signal: AbortSignal): Promise<ArchivedJob | null> {
    const bytes = await this.store.get(jobKey(ref), signal);
    return bytes === null ? null : decodeJob(ref, bytes);
  }

  async holders(jobId: string, signal: AbortSignal): Promise<HeldCopy[]> {
    const keys = await this.store.list({ prefix: idPrefix(jobId), limit: MAX_HOLDERS }, signal);
    const copies = await inTurns(keys, async (key): Promise<HeldCopy | null> => {
      const ref = refOfJobKey(jobId, key);
      const bytes = await this.store.get(key, signal);
      if (bytes === null) return null;
      const place = await decodePlace(ref, bytes).catch(() => null);
      return { ref, finishedAt: place?.finishedAt ?? 0 };
    });
    return copies.filter((copy) => copy !== null);
  }

  async list(query: ArchiveQuery, signal: AbortSignal): Promise<ArchivePage> {
    const { tenant, limit } = query;
    const tenants = tenant === null ? await this.store.folders(INDEX, signal) : [tenant];
    const isPartial = tenants.length > MAX_TENANTS;
    const found = await inTurns(tenants.slice(0, MAX_TENANTS), (each) => this.#find(each, query, signal));
    // beyond the place at which one of them has stopped, more of it may follow
    const stops = found.filter(({ isEnd }) => !isEnd).map(({ last }) => Number(last));
    const stop = Math.max(0, ...stops);
    const known = found.flatMap(({ entries }) => entries).filter(({ arrival }) => Number(arrival) >= stop);
    const sorted = known.sort((one, other) => Number(other.arrival) - Number(one.arrival));
    const chosen = sorted.slice(0, limit);
    const records = await decodeRecords(
      await inTurns(chosen, async ({ key, ref }) => ({ ref, bytes: await this.store.get(key, signal) })),
    );
    if (sorted.length > limit) return { ...records, next: chosen.at(-1)?.arrival ?? null, isPartial };
    return { ...records, next: stops.length === 0 ? null : String(stop), isPartial };
  }

  async erase(ref: JobRef, signal: AbortSignal): Promise<void> {
    const bytes = await this.store.get(jobKey(ref), signal);
    const keys = bytes === null ? [] : await this.#indexKeysOf(ref, bytes, signal);
    for (const key of keys) await this.store.delete(key, signal);
    await this.store.delete(jobKey(ref), signal);
  }

  async eraseTenant(tenant: string, endedBy: number, signal: AbortSignal): Promise<boolean> {
    const hasEnded = ({ finishedAt }: IndexEntry) => finishedAt <= endedBy;
    const due = await this.#due(tenant, undefined, hasEnded, signal);
    await this.#eraseAll(due, signal);
    return due.length === 0;
  }

  async purge(endedBefore: number, from: string | null, signal: AbortSignal): Promise<PurgeStep> {
    const hasEnded = ({ finishedAt }: IndexEntry) => finishedAt < endedBefore;
    // a job ends after it has come: those that came later need not be looked at
    const dueOf = (tenant: string) => this.#due(tenant, keyBefore(tenant, `${endedBefore}000`), hasEnded, signal);
    const all = (await this.store.folders(INDEX, signal)).sort((one, other) => (one < other ? -1 : 1));
    const tenants = all.filter((tenant) => from === null || tenant >= from);
    for (let start = 0; start < Math.min(tenants.length, PURGED_TENANTS); start += AT_A_TIME) {
      const due = (await inTurns(tenants.slice(start, start + AT_A_TIME), dueOf)).flat();
      if (due.length === 0) continue;
      const erased = due.slice(0, ERASED);
      await this.#eraseAll(erased, signal);
      // these tenants may have more
      const next = tenants[due.length < ERASED ? start + AT_A_TIME : start];
      return { erased: erased.length, next: next ?? null };
    }
    return { erased: 0, next: tenants[PURGED_TENANTS] ?? null };
  }

  async close(): Promise<void> {
    this.store.close();
  }

  async #find(tenant: string, query: ArchiveQuery, signal: AbortSignal): Promise<Found> {
    const { status, threadId, before, limit } = query;
    const entries: IndexEntry[] = [];
    let after = before === undefined ? undefined : keyBefore(tenant, before);
    let last: string | null = null;
    const step = status === undefined && threadId === undefined ? Math.min(limit + 1, STEP_KEYS) : STEP_KEYS;
    for (let looked = 0; looked < MAX_KEYS; ) {
      const keys = await this.store.list({ prefix: indexPrefix(tenant), after, limit: step }, signal);
      looked += keys.length;
      after = keys.at(-1) ?? after;
      for (const key of keys) {
        const entry = parseIndexKey(tenant, key);
        if (entry === null) continue;
        last = entry.arrival;
        if (status !== undefined && entry.status !== status) continue;
        if (threadId === undefined || entry.threadId === threadId) entries.push(entry);
        if (entries.length > limit) return { entries, isEnd: false, last };
      }
      if (keys.length < step) return { entries, isEnd: true, last };
    }
    return { entries, isEnd: false, last };
  }

  /** @returns some of the jobs to erase; none: there are none */
  async #due(
    tenant: string,
    from: string | undefined,
    applies: (entry: IndexEntry) => boolean,
    signal: AbortSignal,
  ): Promise<IndexEntry[]> {
    const due: IndexEntry[] = [];
    for (let after = from; due.length < ERASED; ) {
      const keys = await this.store.list({ prefix: indexPrefix(tenant), after, limit: STEP_KEYS }, signal);
      const entries = keys.map((key) => parseIndexKey(tenant, key)).filter((entry) => entry !== null);
      due.push(...entries.filter(applies));
      after = keys.at(-1);
      if (keys.length < STEP_KEYS) break;
    }
    return due.slice(0, ERASED);
  }

  async #eraseAll(entries: readonly IndexEntry[], signal: AbortSignal): Promise<void> {
    await inTurns(entries, async ({ key, ref }) => {
      await this.store.delete(key, signal);
      // a newer job may have the id, under another place
      const current = await this.#indexKeyOf(ref, signal);
      if (current === null || current === key) await this.store.delete(jobKey(ref), signal);
    });
  }

  /** @returns the place in the lists of what there is under an id; null: there is nothing, or nobody can read it */
  async #indexKeyOf(ref: JobRef, signal: AbortSignal): Promise<string | null> {
    const bytes = await this.store.get(jobKey(ref), signal);
    return bytes === null ? null : indexKeyIn(ref, bytes);
  }

  /** @returns the places of a job. Of one that was damaged, they are found among all of its tenant */
  async #indexKeysOf(ref: JobRef, bytes: Buffer, signal: AbortSignal): Promise<string[]> {
    const known = await indexKeyIn(ref, bytes);
    if (known !== null) return [known];
    const tenant = tenantOf(ref);
    const found: string[] = [];
    for (let after: string | undefined; ; ) {
      const keys = await this.store.list({ prefix: indexPrefix(tenant), after, limit: STEP_KEYS }, signal);
      found.push(...keys.filter((key) => parseIndexKey(tenant, key)?.ref === ref));
      after = keys.at(-1);
      if (keys.length < STEP_KEYS) return found;
    }
  }
}

/** @returns null: nobody can read the job */
async function indexKeyIn(ref: JobRef, bytes: Buffer): Promise<string | null> {
  const place = await decodePlace(ref, bytes).catch(() => null);
  return place === null ? null : indexKey(place);
}

/** Maps with a bounded number of calls at a time, in order. */
async function inTurns<Item, Result>(items: readonly Item[], map: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  for (let start = 0; start < items.length; start += AT_A_TIME) {
    results.push(...(await Promise.all(items.slice(start, start + AT_A_TIME).map(map))));
  }
  return results;
}
