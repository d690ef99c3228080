import type { ThreadRef } from '@millrace/contracts';
import type { RedisConnection } from '@millrace/stream-log';
import type { ThreadKeys } from '../thread-keys.ts';

/** A job's turn in its thread. */
export interface Turn {
  readonly jobId: string;
  /** 1, 2, … in the order of the turns. A job that ended while it waited has the number of that moment */
  readonly turn: number;
}

/** Where a thread stands. */
export interface ThreadHead {
  /** when the thread was made, as stored: one that was erased and made again has another time */
  readonly createdAt: string;
  /** the last number that was given; 0: no job has had a turn */
  readonly turn: number;
  /** the id of the job that has the turn; null: none has */
  readonly activeJob: string | null;
}

/** What comes after a turn. */
export interface NextTurn {
  /** see {@link ThreadHead}; null: there is no such thread, or no longer */
  readonly createdAt: string | null;
  /** somebody has begun to erase the thread, after its jobs, in the last minute */
  readonly isBeingErased: boolean;
  /** the job that had the turn; null: the thread does not know, or no longer */
  readonly jobId: string | null;
  /** see {@link ThreadHead} */
  readonly lastTurn: number;
  /** null: nothing yet */
  readonly next: Turn | null;
}

/** Reads whose turn it was in threads, and in which order. Each call is one round trip. */
export class ThreadTurns {
  constructor(
    readonly redis: RedisConnection,
    readonly keys: ThreadKeys,
  ) {}

  /** @returns null when there is no such thread, or no longer */
  async head(ref: ThreadRef): Promise<ThreadHead | null> {
    const [createdAt, turn, activeJob] = await this.redis.hmget(this.keys.record(ref), 'createdAt', 'turn', 'active');
    return createdAt ? { createdAt, turn: Number(turn ?? 0), activeJob: activeJob || null } : null;
  }

  /** @returns null when the thread does not know the job, or the job waits for its turn */
  async turnOf(ref: ThreadRef, jobId: string): Promise<number | null> {
    const score = await this.redis.zscore(this.keys.jobs(ref), jobId);
    return score === null ? null : Number(score);
  }

  /** @returns the job that had a turn; null when the thread does not know any more */
  async jobAt(ref: ThreadRef, turn: number): Promise<string | null> {
    const [jobId] = await this.redis.zrangebyscore(this.keys.jobs(ref), turn, turn);
    return jobId ?? null;
  }

  /** @param turn 0: before the first */
  async after(ref: ThreadRef, turn: number): Promise<NextTurn> {
    const [[createdAt, lastTurn, erasing], found] = await Promise.all([
      this.redis.hmget(this.keys.record(ref), 'createdAt', 'turn', 'erasing'),
      this.redis.zrangebyscore(this.keys.jobs(ref), turn, '+inf', 'WITHSCORES', 'LIMIT', 0, 2),
    ]);
    const first = turnIn(found);
    const known = { createdAt: createdAt || null, lastTurn: Number(lastTurn ?? 0), isBeingErased: isRecent(erasing) };
    if (first?.turn !== turn) return { ...known, jobId: null, next: first };
    return { ...known, jobId: first.jobId, next: turnIn(found.slice(2)) };
  }
}

/** How long an erasure counts as under way, milliseconds: whoever began it may have died. */
const ERASURE_MS = 60_000;

function isRecent(begunAt: string | null | undefined): boolean {
  return Date.now() - Number(begunAt ?? 0) < ERASURE_MS;
}

function turnIn([jobId, score]: readonly string[]): Turn | null {
  return jobId === undefined ? null : { jobId, turn: Number(score) };
}
