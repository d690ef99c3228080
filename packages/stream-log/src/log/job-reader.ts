import {
  compareEventIds,
  type EventId,
  eventId,
  idOf,
  type JobRef,
  type JobStatus,
  LOG_START,
  type StoredEvent,
} from '@millrace/contracts';
import { type ContentCipher, PLAIN, type PlaceCipher } from '../encryption/content-cipher.ts';
import { isSealed } from '../encryption/place-key.ts';
import { ContentUnreadable, LogExpired, nullIfLost } from '../errors.ts';
import type { KeySpace } from '../redis/keys.ts';
import { type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';
import { Semaphore } from '../redis/semaphore.ts';
import { parseLines } from './event-batch.ts';
import { aboutEvent, contentsOf, SEALED_FIELDS } from './job-contents.ts';
import { isFinished, type JobOutline, OUTLINE_FIELDS, outlineOfNewer, parseOutline } from './record.ts';

/** A long answer is read page by page. A slow reader holds one page, so it is bounded in events and in bytes. */
const PAGE_EVENTS = 1_024;
const PAGE_BYTES = 65_536;

/** Page reads in flight: when a node dies, thousands of readers come to another one at once, and their pages must not
 *  delay every other command in the connection's queue. */
const MAX_PAGE_READS = 16;

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

/** What an outline leaves out. */
export interface JobTraits {
  /** W3C trace context of the request; null for none */
  readonly traceparent: string | null;
  /** how often the job has lost its worker */
  readonly losses: number;
}

interface PageLimits {
  readonly events?: number;
  readonly bytes?: number;
}

/** An event, or what is known of one that nobody can read any more: its `data` is null. */
export type ReadableEvent = Omit<StoredEvent, 'data'> & { readonly data: string | null };

type ReadablePage = Omit<LogPage, 'events'> & { readonly events: readonly ReadableEvent[] };

/** How far a job has come. */
export interface LogHead {
  readonly lastEventId: EventId;
  readonly logExists: boolean;
  readonly finished: boolean;
}

type PresentAttempt = Pick<JobOutline, 'ref' | 'attempt' | 'lastEventId'>;

type PageReply = [full: number, lines: string];

/** Reads records and logs. Never writes. */
export class JobReader {
  readonly #run: RunScript;
  readonly #pageReads = new Semaphore(MAX_PAGE_READS);

  constructor(
    readonly redis: RedisConnection,
    readonly keys: KeySpace,
    readonly cipher: ContentCipher = PLAIN,
  ) {
    this.#run = scriptsOf(redis);
  }

  /** Never transfers the request, which may be a megabyte. Words that cannot be read do not make it fail: see
   *  {@link JobOutline.unreadable}.
   *  @returns null when there is no such job, or no longer */
  async outline(ref: JobRef): Promise<JobOutline | null> {
    const values = await this.redis.hmget(this.keys.record(ref), ...OUTLINE_FIELDS);
    return this.outlineOf(ref, Object.fromEntries(OUTLINE_FIELDS.map((field, i) => [field, values[i]])));
  }

  /** As {@link outline}, of a record that was read elsewhere.
   *  @param stored its fields as Redis has them, or had them */
  async outlineOf(
    ref: JobRef,
    stored: Readonly<Record<string, string | null | undefined>>,
  ): Promise<JobOutline | null> {
    const fields = { ...stored };
    const newer = outlineOfNewer(ref, fields);
    if (newer !== null) return newer;
    const sealed = OUTLINE_FIELDS.filter((name) => SEALED_FIELDS.has(name) && isSealedText(fields[name]));
    if (sealed.length === 0) return parseOutline(ref, fields);
    const contents = this.contentsOf(ref);
    try {
      for (const name of sealed) fields[name] = await contents.open(fields[name] ?? '', name);
      return parseOutline(ref, fields);
    } catch (error) {
      if (!(error instanceof ContentUnreadable)) throw error;
      for (const name of sealed) fields[name] = null;
      return parseOutline(ref, fields, error);
    }
  }

  /** @returns what opens a job's words */
  contentsOf(ref: JobRef): PlaceCipher {
    return contentsOf(this.cipher, ref);
  }

  /** Many at once, in the order of `refs`: ioredis pipelines the commands of one tick. */
  outlines(refs: readonly JobRef[]): Promise<(JobOutline | null)[]> {
    return Promise.all(refs.map((ref) => this.outline(ref)));
  }

  /** Reads what only operators ask for.
   *  @returns null when there is no such job, or no longer */
  async traits(ref: JobRef): Promise<JobTraits | null> {
    const [status, traceparent, losses] = await this.redis.hmget(
      this.keys.record(ref),
      ...['status', 'traceparent', 'losses'],
    );
    return status ? { traceparent: traceparent || null, losses: Number(losses ?? 0) } : null;
  }

  async logExists(ref: JobRef): Promise<boolean> {
    return (await this.redis.exists(this.keys.log(ref))) === 1;
  }

  /** Reads what comes after an event. Its cost grows with what is read, not with the log.
   *  @param limits of one page; at least one event is read, whatever its size
   *  @throws ContentUnreadable */
  async page(ref: JobRef, after: EventId, limits: PageLimits = {}): Promise<LogPage> {
    const { events, full } = await this.#storedPage(ref, after, limits);
    const isAnySealed = events.some(({ data }) => isSealed(data));
    return { events: isAnySealed ? await openEvents(this.contentsOf(ref), events) : events, full };
  }

  /** As {@link page}, also if some of it was altered or its key is destroyed: of such an event `data` is null.
   *  @throws ContentUnreadable `unavailable` */
  async readablePage(ref: JobRef, after: EventId): Promise<ReadablePage> {
    const { events, full } = await this.#storedPage(ref, after);
    const contents = this.contentsOf(ref);
    const opened = events.map(async (event): Promise<ReadableEvent> => {
      const data = await contents.open(event.data, aboutEvent(event.id, event.type)).catch(nullIfLost);
      return { ...event, data };
    });
    return { events: await Promise.all(opened), full };
  }

  async #storedPage(ref: JobRef, after: EventId, limits: PageLimits = {}): Promise<LogPage> {
    const { events: maxEvents = PAGE_EVENTS, bytes: maxBytes = PAGE_BYTES } = limits;
    // no id is smaller than LOG_START, so there is nothing to exclude
    const start = after === LOG_START ? '-' : `(${after}`;
    const args = [start, maxEvents, maxBytes];
    const reply = await this.#pageReads.withPermit(() => this.#run('page', [this.keys.log(ref)], args));
    const [full, lines] = reply as PageReply;
    return { events: parseLines(lines), full: full === 1 };
  }

  /** Reads the events of a job's present attempt, page by page, up to the last one that the outline names. They hold
   *  all text that counts: a `reset` is at the start of an attempt, and nowhere else.
   *  @throws LogExpired the log is gone, or ends before that event; possibly midway */
  async *attempt({ ref, attempt, lastEventId }: PresentAttempt): AsyncGenerator<AttemptPage, void, undefined> {
    let after = eventId(attempt, 0);
    for (;;) {
      const { events } = await this.page(ref, after);
      const newest = events.at(-1)?.id;
      if (newest === undefined) throw new LogExpired(idOf(ref));
      const beyond = compareEventIds(newest, lastEventId);
      const known = beyond > 0 ? events.filter((event) => compareEventIds(event.id, lastEventId) <= 0) : events;
      yield { events: known, isLast: beyond >= 0 };
      if (beyond >= 0) return;
      after = newest;
    }
  }

  /** Reads how far a job has come, in one round trip.
   *  @returns null when there is no such job, or no longer */
  async head(ref: JobRef): Promise<LogHead | null> {
    const [[status, attempt, seq], logExists] = await Promise.all([
      this.redis.hmget(this.keys.record(ref), 'status', 'attempt', 'seq'),
      this.logExists(ref),
    ]);
    if (!status) return null;
    const lastEventId = eventId(Number(attempt), Number(seq));
    return { lastEventId, logExists, finished: isFinished(status as JobStatus) };
  }
}

function isSealedText(value: string | null | undefined): boolean {
  return value !== null && value !== undefined && isSealed(value);
}

async function openEvents(contents: PlaceCipher, events: readonly StoredEvent[]): Promise<StoredEvent[]> {
  const opened: StoredEvent[] = [];
  for (const { id, type, data } of events) {
    const about = aboutEvent(id, type);
    // a promise for the first alone: from then on its key is at hand
    opened.push({ id, type, data: contents.openNow(data, about) ?? (await contents.open(data, about)) });
  }
  return opened;
}
