import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

/** A key as Redis had it, strings by their bytes (Latin-1): values may be binary. */
interface StoredKey {
  readonly key: string;
  /** milliseconds; -1: it does not expire */
  readonly ttl: number;
  readonly type: 'string' | 'hash' | 'list' | 'set' | 'zset' | 'stream';
  /** as its type's read command answers, in one list; of a stream: ids, each with its fields as JSON */
  readonly value: readonly string[];
}

/** All that a version had in Redis at one time. */
export interface StoredKeys {
  /** commit of the version */
  readonly version: string;
  /** ms since the epoch */
  readonly recordedAt: number;
  /** what the keys begin with */
  readonly prefix: string;
  /** ids of jobs by what they are */
  readonly jobs: Readonly<Record<string, string>>;
  readonly keys: readonly StoredKey[];
}

const DAY_MS = 86_400_000;

/** Reads everything that a server has. */
export async function readKeys(redis: Redis): Promise<StoredKey[]> {
  const keys: StoredKey[] = [];
  for (const key of (await redis.keys('*')).toSorted()) {
    const type = (await redis.type(key)) as StoredKey['type'];
    keys.push({ key, type, ttl: await redis.pttl(key), value: await contentOf(redis, key, type) });
  }
  return keys;
}

async function contentOf(redis: Redis, key: string, type: StoredKey['type']): Promise<string[]> {
  const call = async (command: string, ...args: (string | number)[]): Promise<string[]> => {
    const reply = (await redis.callBuffer(command, key, ...args)) as unknown;
    return flat(reply).map((part) => part.toString('latin1'));
  };
  if (type === 'string') return call('GET');
  if (type === 'hash') return call('HGETALL');
  if (type === 'list') return call('LRANGE', 0, -1);
  if (type === 'set') return call('SMEMBERS');
  if (type === 'zset') return call('ZRANGE', 0, -1, 'WITHSCORES');
  const entries = (await redis.callBuffer('XRANGE', key, '-', '+')) as unknown as [Buffer, Buffer[]][];
  return entries.flatMap(([id, fields]) => [String(id), JSON.stringify(fields.map((part) => part.toString('latin1')))]);
}

function flat(reply: unknown): Buffer[] {
  return Array.isArray(reply) ? reply.flatMap(flat) : [reply as Buffer];
}

/** @param name of a file beside this one */
export function recordedKeys(name: string): StoredKeys {
  return JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8')) as StoredKeys;
}

/** Puts it all into an empty server, as if it had been recorded just now. */
export async function writeKeys(redis: Redis, { keys, recordedAt }: StoredKeys): Promise<void> {
  const moved = (text: string) => movedTime(text, recordedAt, Date.now() - recordedAt);
  for (const { key, type, ttl, value } of keys) {
    const bytes = value.map((part) => Buffer.from(part, 'latin1'));
    const pairs = Array.from({ length: value.length / 2 }, (_, place) => [2 * place, 2 * place + 1] as const);
    if (type === 'string') await redis.set(key, moved(value[0] ?? ''));
    else if (type === 'list') await redis.rpush(key, ...bytes);
    else if (type === 'set') await redis.sadd(key, ...bytes);
    else if (type === 'zset') {
      for (const [member, score] of pairs) await redis.zadd(key, moved(value[score] ?? ''), bytes[member] ?? '');
    } else if (type === 'hash') {
      for (const [name, content] of pairs) {
        const text = value[content] ?? '';
        const written = moved(text);
        await redis.call('HSET', key, bytes[name] ?? '', written === text ? (bytes[content] ?? '') : written);
      }
    } else {
      for (const [id, fields] of pairs) {
        const parts = JSON.parse(value[fields] ?? '[]') as string[];
        await redis.xadd(key, value[id] ?? '', ...parts.map((part) => Buffer.from(part, 'latin1')));
      }
    }
    if (ttl > 0) await redis.pexpire(key, ttl);
  }
}

/** By how much a stored time is larger than its milliseconds: itself, microseconds, and BullMQ's scores of delayed jobs, which
 *  leave room for a counter. */
const SCALES = [1, 1_000, 4_096];

/** A time around that of the recording, as long before or after now as it was before or after that. */
function movedTime(text: string, recordedAt: number, byMs: number): string {
  if (!/^\d{13}(\d{3})?$/.test(text)) return text;
  const time = Number(text);
  const scale = SCALES.find((scale) => Math.abs(time / scale - recordedAt) < 60 * DAY_MS);
  return scale === undefined ? text : String(time + byMs * scale);
}
