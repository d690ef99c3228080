import { hash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { ClaimUnknown } from './errors.ts';

/** How long a writer may be silent within a transaction, milliseconds: one that is stuck must not keep an erasure waiting. The
 *  database ends its session then, and what it was to write is not there. */
const MAX_SILENCE_MS = 30_000;

/** How long to wait until Redis is asked again, milliseconds. */
const RETRY_MS = 200;

/** What lets an attempt write to the database, or refuses. */
export interface WriteFence {
  /** names what the attempt writes to, and somebody may erase: see {@link writersDone} */
  readonly subject: string;
  /** @throws AttemptFenced it may write no more
   *  @throws ClaimUnknown Redis does not answer now */
  check(): Promise<void>;
  /** ends the waiting for Redis: its reason is thrown then */
  readonly signal?: AbortSignal | undefined;
}

/** Lends connections whose transactions begin behind a fence. Redis says which attempt may write, and no transaction reaches
 *  both: so a writer asks Redis within its transaction, under a lock that it shares with other writers. Whoever erases first
 *  takes the thread from its attempt, in Redis, then waits for those who asked before. */
export function fencedPool(pool: pg.Pool, fence: WriteFence): pg.Pool {
  const connect = async () => {
    const client = await pool.connect();
    const query = async (text: string, values?: unknown[]) => {
      if (text !== 'BEGIN') return client.query(text, values);
      await client.query(`BEGIN; SET LOCAL idle_in_transaction_session_timeout = ${MAX_SILENCE_MS};
        SELECT pg_advisory_xact_lock_shared(${lockOf(fence.subject)})`);
      await fence.check();
      return undefined;
    };
    return { query, release: () => client.release() };
  };
  // all that LangGraph's saver and store use of it
  return { connect, query: pool.query.bind(pool) } as unknown as pg.Pool;
}

/** Waits for those who write to a subject and were let through before now. */
export async function writersDone(pool: pg.Pool, subject: string): Promise<void> {
  await pool.query(`SELECT pg_advisory_xact_lock(${lockOf(subject)})`);
}

/** Repeats what may be done twice until Redis lets it through, or refuses. In between, no connection is held. */
export async function untilKnown<Result>(work: () => Promise<Result>, { signal }: WriteFence): Promise<Result> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ClaimUnknown)) throw error;
      signal?.throwIfAborted();
      await delay(RETRY_MS);
    }
  }
}

/** Number of an advisory lock, 64 bits. Two subjects of one number would wait for each other now and then. */
function lockOf(subject: string): bigint {
  return hash('sha256', `millrace\0${subject}`, 'buffer').readBigInt64BE();
}
