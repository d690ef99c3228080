import type { KeySpace, RedisConnection } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { KEYS, REDIS } from '../tokens.ts';

/** Entries that are kept. */
const MAX_ENTRIES = 500;
/** How long they are kept after the last one, seconds. */
const KEPT_SECONDS = 7 * 24 * 3_600;

/** The latest lines of the audit log of all nodes, kept in Redis so that the console finds them. The log itself is complete;
 *  this is not: what cannot be written is left out. */
@Injectable()
export class AuditTrail<Entry extends object> {
  constructor(
    @Inject(REDIS) private readonly redis: RedisConnection,
    @Inject(KEYS) private readonly keys: Pick<KeySpace, 'auditTrail'>,
  ) {}

  async add(entry: Entry): Promise<void> {
    const { auditTrail } = this.keys;
    await this.redis
      .multi()
      .lpush(auditTrail, JSON.stringify({ at: new Date().toISOString(), ...entry }))
      .ltrim(auditTrail, 0, MAX_ENTRIES - 1)
      .expire(auditTrail, KEPT_SECONDS)
      .exec();
  }

  /** Removes entries, and what nobody can read. A line that comes meanwhile stays. */
  async forget(concerns: (entry: Entry) => boolean): Promise<void> {
    const { auditTrail } = this.keys;
    const lines = await this.redis.lrange(auditTrail, 0, -1);
    const forgotten = lines.filter((line) => {
      const entry = parsed<Entry>(line);
      return entry === null || concerns(entry);
    });
    await Promise.all(forgotten.map((line) => this.redis.lrem(auditTrail, 0, line)));
  }

  /** @returns newest first */
  async latest(): Promise<(Entry & { readonly at: string })[]> {
    const lines = await this.redis.lrange(this.keys.auditTrail, 0, -1);
    return lines.map((line) => parsed<Entry>(line)).filter((entry) => entry !== null);
  }
}

/** @returns null: it was altered, and must not keep the others from being read or erased */
function parsed<Entry>(line: string): (Entry & { readonly at: string }) | null {
  try {
    return JSON.parse(line) as Entry & { readonly at: string };
  } catch {
    return null;
  }
}
