import { randomUUID } from 'node:crypto';
import type { JobRef } from '@millrace/contracts';
import { NewerFormat } from '../errors.ts';
import type { KeySpace } from '../redis/keys.ts';
import { type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';
import { JOB_FORMAT } from './record.ts';

/** Events that are read or written at a time. */
const PART_EVENTS = 500;
/** Bytes of events that are written at a time, roughly. */
const PART_BYTES = 1_048_576;

/** How much longer than its record a log stays, milliseconds: whoever has read the record may still read the log. */
const LOG_GRACE_MS = 60_000;

/** How long the parts of a log live that is being put together, milliseconds. */
const PARTS_MS = 60_000;

/** An entry of a log as Redis has it: what is sealed stays sealed. */
export type RawEvent = readonly [id: string, type: string, data: string];

/** A job as Redis has it, record and log: what is sealed stays sealed. */
export interface RawJob {
  readonly ref: JobRef;
  readonly fields: Readonly<Record<string, string>>;
  /** oldest first; none if the log is gone */
  readonly events: readonly RawEvent[];
}

/** Moves ended jobs between Redis and an archive, without opening what they hold.
 *  @see docs/adr/0053-ended-jobs-leave-redis.md */
export class RawJobs {
  readonly #run: RunScript;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: KeySpace,
  ) {
    this.#run = scriptsOf(redis);
  }

  /** Reads an ended job, whose log does not change any more.
   *  @returns null: there is none, or it is not whole because it was erased meanwhile
   *  @throws NewerFormat a newer version has written it, and archives it */
  async read(ref: JobRef): Promise<RawJob | null> {
    const fields = await this.redis.hgetall(this.keys.record(ref));
    if (fields['finishedAt'] === undefined || fields['createdAt'] === undefined) return null;
    if (Number(fields['format'] ?? 1) > JOB_FORMAT) throw new NewerFormat();
    const events: RawEvent[] = [];
    for (let start = '-'; ; ) {
      const entries = await this.redis.xrange(this.keys.log(ref), start, '+', 'COUNT', PART_EVENTS);
      for (const [id, [type = '', data = '']] of entries) events.push([id, type, data]);
      if (entries.length < PART_EVENTS) break;
      start = `(${entries.at(-1)?.[0]}`;
    }
    // an erasure between the reads has taken a part of the log, or another job has the id now
    const still = await this.redis.hget(this.keys.record(ref), 'createdAt');
    return still === fields['createdAt'] ? { ref, fields, events } : null;
  }

  /** Whether Redis has nothing under a reference: neither the job that was there, nor another one. */
  async isGone(ref: JobRef): Promise<boolean> {
    return (await this.redis.exists(this.keys.record(ref))) === 0;
  }

  /** The archive has a copy: the job leaves Redis sooner.
   *  @param retentionMs how long after its end, milliseconds
   *  @returns when the record expires, ms since the epoch by Redis's clock; null: there is no such job any more */
  async noteArchived({ ref, fields }: RawJob, retentionMs: number): Promise<number | null> {
    const keys = [this.keys.record(ref), this.keys.log(ref)];
    const expiresAt = await this.#run('archived', keys, [fields['createdAt'] ?? '', retentionMs, LOG_GRACE_MS]);
    return Number(expiresAt) === 0 ? null : Number(expiresAt);
  }

  /** Puts a job back, unless it is there.
   *  @param ttlMs for how long, milliseconds
   *  @returns false: it was erased */
  async thaw({ ref, fields, events }: RawJob, ttlMs: number): Promise<boolean> {
    const parts = this.keys.thawing(ref, randomUUID());
    for (const part of partsOf(events)) await this.#run('thaw-part', [parts], [PARTS_MS, ...part.flat()]);
    const keys = [this.keys.record(ref), this.keys.log(ref), this.keys.erased(ref), parts];
    return (await this.#run('thaw', keys, [ttlMs, LOG_GRACE_MS, ...Object.entries(fields).flat()])) === 1;
  }
}

/** Slices that hold up Redis for no more than some milliseconds each. */
function* partsOf(events: readonly RawEvent[]): Generator<RawEvent[]> {
  let part: RawEvent[] = [];
  let bytes = 0;
  for (const event of events) {
    part.push(event);
    bytes += event[2].length;
    if (part.length < PART_EVENTS && bytes < PART_BYTES) continue;
    yield part;
    [part, bytes] = [[], 0];
  }
  if (part.length > 0) yield part;
}
