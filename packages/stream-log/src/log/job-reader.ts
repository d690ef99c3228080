import {
  compareEventIds,
  type EventId,
  eventId,
  type JobRef,
  type JobStatus,
  LOG_START,
  type StoredEvent,
} from '@millrace/contracts';
import { LogExpired } from '../errors.ts';
import type { KeySpace } from '../redis/keys.ts';
import { type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';
import { Turns } from '../redis/semaphore.ts';
import { parseLines } from './event-batch.ts';
import { isFinished, type JobOutline, OUTLINE_FIELDS, parseOutline } from './record.ts';

/** A long answer is read page by page; a slow reader holds one of them, so it is bounded by both. */
const PAGE_EVENTS = 1_024;
const PAGE_BYTES = 65_536;

/** Pages on their way at a time: when a node dies, thousands of readers come to another one at once, and their pages must
 *  not stand before every other command in the connection's queue. */
const PAGES_AT_ONCE = 16;

export interface LogPage {
  /** oldest first */
  readonly events: StoredEvent[];
  /** the page is full: there may be another one */
  readonly full: boolean;
}

/** A part of an attempt's events. */
export interface AttemptPage {
  /** at least one, oldest first */
  readonly events: readonly StoredEvent[];
  /** nothing of the attempt follows */
  readonly isLast: boolean;
}

/** How far a job has come. */
export interface Standing {
  readonly lastEventId: EventId;
  readonly logExists: boolean;
  readonly finished: boolean;
}

type AttemptOf = Pick<JobOutline, 'ref' | 'attempt' | 'lastEventId'>;

type PageReply = [full: number, lines: string];

/** Reads records and logs. Never writes. */
export class JobReader {
  readonly #run: RunScript;
  readonly #turns = new Turns(PAGES_AT_ONCE);

  constructor(
    readonly redis: RedisConnection,
    readonly keys: KeySpace,
  ) {
    this.#run = scriptsOf(redis);
  }

  /** A look never carries the request across: it may be a megabyte.
   *  @returns null when there is no such job, or no more */
  async outline(ref: JobRef): Promise<JobOutline | null> {
    const values = await this.redis.hmget(this.keys.record(ref), ...OUTLINE_FIELDS);
    return parseOutline(ref, Object.fromEntries(OUTLINE_FIELDS.map((field, i) => [field, values[i]])));
  }

  /** Many at once, in the order asked for: ioredis pipelines commands of one tick. */
  outlines(refs: readonly JobRef[]): Promise<(JobOutline | null)[]> {
    return Promise.all(refs.map((ref) => this.outline(ref)));
  }

  async logExists(ref: JobRef): Promise<boolean> {
    return (await this.redis.exists(this.keys.log(ref))) === 1;
  }

  /** Reads what comes after an event; its cost grows with what is read, not with the log.
   *  @param limits of one page; at least one event is read, whatever its size */
  async page(ref: JobRef, after: EventId, limits: { events?: number; bytes?: number } = {}): Promise<LogPage> {
    const { events: maxEvents = PAGE_EVENTS, bytes: maxBytes = PAGE_BYTES } = limits;
    // no id is smaller than this one's, so there is nothing to exclude
    const start = after === LOG_START ? '-' : `(${after}`;
    const args = [start, maxEvents, maxBytes];
    const reply = await this.#turns.take(() => this.#run('page', [this.keys.log(ref)], args));
    const [full, lines] = reply as PageReply;
    return { events: parseLines(lines), full: full === 1 };
  }

  /** The answer so far, or whole: all text after the last `reset`.
   *  @returns null when the log has expired */
  async text(ref: JobRef): Promise<string | null> {
    const parts: string[] = [];
    let after: EventId = LOG_START;
    for (;;) {
      const { events, full }: LogPage = await this.page(ref, after);
      for (const event of events) {
        if (event.type === 'reset') parts.length = 0;
        if (event.type === 'text') parts.push((JSON.parse(event.data) as { text: string }).text);
      }
      const last = events.at(-1);
      if (last === undefined && after === LOG_START) return null;
      if (last === undefined || !full) return parts.join('');
      after = last.id;
    }
  }

  /** The events of a job's present attempt, page by page as they are asked for, up to the last one that `job` knows of. They
   *  hold all text that counts: a `reset` stands at the start of an attempt, and nowhere else.
   *  @throws LogExpired the log is gone, or ends before that event: also midway */
  async *attempt({ ref, attempt, lastEventId }: AttemptOf): AsyncGenerator<AttemptPage, void, undefined> {
    let after = eventId(attempt, 0);
    for (;;) {
      const { events } = await this.page(ref, after);
      const newest = events.at(-1)?.id;
      if (newest === undefined) throw new LogExpired(ref);
      const beyond = compareEventIds(newest, lastEventId);
      const known = beyond > 0 ? events.filter((event) => compareEventIds(event.id, lastEventId) <= 0) : events;
      yield { events: known, isLast: beyond >= 0 };
      if (beyond >= 0) return;
      after = newest;
    }
  }

  /** How far a job has come: all that an attach has to know, in one round trip and without the request, which may be large.
   *  @returns null when there is no such job, or no more */
  async standing(ref: JobRef): Promise<Standing | null> {
    const [[status, attempt, seq], logExists] = await Promise.all([
      this.redis.hmget(this.keys.record(ref), 'status', 'attempt', 'seq'),
      this.logExists(ref),
    ]);
    if (!status) return null;
    const lastEventId = eventId(Number(attempt), Number(seq));
    return { lastEventId, logExists, finished: isFinished(status as JobStatus) };
  }
}
