import { type EventId, isTerminal, LOG_START, type StoredEvent, type StreamEventType } from '@millrace/contracts';
import type { KeySpace } from './keys.ts';
import { isFinished, type JobRecord, parseRecord } from './record.ts';
import type { RedisConnection } from './scripts.ts';

/** Events per read of the log: a long answer is read page by page. */
export const PAGE_EVENTS = 512;

type StreamEntry = [id: string, fields: string[]];

/** Reads records and logs. Never writes. */
export class JobReader {
  constructor(
    readonly redis: RedisConnection,
    readonly keys: KeySpace,
  ) {}

  /** @returns null when there is no such job, or no more */
  async get(id: string): Promise<JobRecord | null> {
    return parseRecord(id, await this.redis.hgetall(this.keys.record(id)));
  }

  /** All at once, in the order asked for: ioredis pipelines commands of one tick. */
  async getMany(ids: readonly string[]): Promise<(JobRecord | null)[]> {
    return Promise.all(ids.map((id) => this.get(id)));
  }

  async logExists(id: string): Promise<boolean> {
    return (await this.redis.exists(this.keys.log(id))) === 1;
  }

  /** @returns up to `count` events after `after`, oldest first; its cost grows with what is read, not with the log */
  async page(id: string, after: EventId, count = PAGE_EVENTS): Promise<StoredEvent[]> {
    // Redis takes no exclusive bound "(0-0" below the smallest id it knows, but "-" is the same place
    const start = after === LOG_START ? '-' : `(${after}`;
    const entries = (await this.redis.xrange(this.keys.log(id), start, '+', 'COUNT', count)) as StreamEntry[];
    return entries.map(parseEntry);
  }

  /** The answer so far, or whole: all text after the last `reset`.
   *  @returns null when the log has expired */
  async text(id: string): Promise<string | null> {
    const parts: string[] = [];
    let after: EventId = LOG_START;
    for (;;) {
      const events: StoredEvent[] = await this.page(id, after);
      for (const event of events) {
        if (event.type === 'reset') parts.length = 0;
        if (event.type === 'text') parts.push((JSON.parse(event.data) as { text: string }).text);
      }
      const last = events.at(-1);
      if (last === undefined && after === LOG_START) return null;
      if (last === undefined || events.length < PAGE_EVENTS || isTerminal(last.type)) return parts.join('');
      after = last.id;
    }
  }

  /** Where a reader stands: all that an attach has to know, in one round trip. */
  async standing(id: string): Promise<{ record: JobRecord; logExists: boolean; finished: boolean } | null> {
    const [record, logExists] = await Promise.all([this.get(id), this.logExists(id)]);
    return record && { record, logExists, finished: isFinished(record.status) };
  }
}

function parseEntry([id, fields]: StreamEntry): StoredEvent {
  const [type = '', data = ''] = fields;
  return { id: id as EventId, type: type as StreamEventType, data };
}
