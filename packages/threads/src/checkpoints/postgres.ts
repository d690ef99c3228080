import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { BaseCheckpointSaver, BaseStore } from '@langchain/langgraph-checkpoint';
import { PostgresSaver } from '@langchain/langgraph-checkpoint-postgres';
import { PostgresStore } from '@langchain/langgraph-checkpoint-postgres/store';
import pg from 'pg';
import { FencedStore, lentTransaction } from './fenced-store.ts';
import { fencedPool, untilKnown, type WriteFence, writersDone } from './postgres-fence.ts';

/** Number of the lock under which one process at a time makes the tables; of no other use. */
const SETUP_LOCK = 7_155_223;

/** How often to try to reach the database at the start, and how long to wait in between, milliseconds. */
const SETUP_TRIES = 5;
const SETUP_PAUSE_MS = 500;

/** How long to wait for a connection: one that is made, or one that others use, milliseconds. */
const CONNECTION_MS = 10_000;

/** How long the database may be silent before a connection is given up, milliseconds: longer than a pool keeps one that nobody
 *  uses. */
const SILENCE_MS = 15_000;

/** LangGraph's own savers and store on one PostgreSQL database. Imported only where MILLRACE_CHECKPOINTS names one. */
export class Postgres {
  readonly store: PostgresStore;
  readonly #pool: pg.Pool;

  private constructor(url: string) {
    const connectionOptions = {
      ...{ connectionString: url, Client: CalmClient },
      connectionTimeoutMillis: CONNECTION_MS,
    };
    this.#pool = new pg.Pool(connectionOptions);
    this.store = new PostgresStore({ connectionOptions: { ...connectionOptions, Client: StoreClient } });
  }

  /** Makes the tables where they are missing.
   *  @throws Error the database does not answer, or refuses */
  static async open(url: string): Promise<Postgres> {
    const postgres = new Postgres(url);
    for (let tries = 1; ; tries++) {
      try {
        await postgres.#setUp();
        return postgres;
      } catch (error) {
        if (tries < SETUP_TRIES) {
          await delay(SETUP_PAUSE_MS);
          continue;
        }
        await postgres.close();
        throw error;
      }
    }
  }

  /** A saver on the shared connections.
   *  @param fence of the attempt that writes, whose subject is the thread */
  saver(fence?: WriteFence): BaseCheckpointSaver {
    return fence === undefined ? new UniqueVersions(this.#pool) : new FencedSaver(this.#pool, fence);
  }

  /** The store for one attempt. */
  storeBehind(fence: WriteFence): BaseStore {
    return new FencedStore(this.store, this.#pool, fence);
  }

  /** Waits for the attempts that write to a subject and were let through before now. */
  writersDone(subject: string): Promise<void> {
    return writersDone(this.#pool, subject);
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool.end(), this.store.stop()]);
  }

  async #setUp(): Promise<void> {
    const client = await this.#pool.connect();
    try {
      await client.query('SELECT pg_advisory_lock($1)', [SETUP_LOCK]);
      await new PostgresSaver(this.#pool).setup();
      await this.store.setup();
    } finally {
      // ends the session, and with it the lock
      client.release(true);
    }
  }
}

/** A connection that breaks while nobody waits for it ends the process, where its pool has no listener for that; the pool of
 *  LangGraph's store lets nobody add one. It needs none: it takes a new connection for the next query.
 *
 *  One whose database has fallen silent is broken off, with all that waits for it. pg's own `query_timeout` would give it back to the
 *  pool, where the next query would wait as long. */
class CalmClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    this.once('connect', () => {
      const { stream } = this.connection;
      if (stream instanceof Socket) stream.setTimeout(SILENCE_MS, () => stream.destroy());
    });
  }

  override emit(event: string, ...values: unknown[]): boolean {
    try {
      return super.emit(event as 'error', ...(values as [Error]));
    } catch (error) {
      if (event === 'error') return true;
      throw error;
    }
  }
}

/** A connection of the store's pool. Within a transaction of {@link FencedStore} it is idle, and the transaction's queries. */
class StoreClient extends CalmClient {
  // its arguments, in whichever of pg's many forms, are handed on as they are
  override query(...query: [never]): never {
    const transaction = lentTransaction.getStore();
    return (transaction === undefined ? super.query(...query) : transaction.query(...query)) as never;
  }
}

/** LangGraph's saver keeps the first value that it is given for a version of a channel. A step that runs again, after a crash or
 *  a roll-back, must not meet the value of the run before: no version is given twice. */
class UniqueVersions extends PostgresSaver {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    super(pool);
    this.#pool = pool;
  }

  override getNextVersion(current: number | undefined): number {
    return Math.floor(current ?? 0) + 1 + Math.floor(Math.random() * 1e9) / 1e9;
  }

  /** To be called once no attempt has the thread: nothing is written to it then, nor later. */
  override async deleteThread(threadId: string): Promise<void> {
    await writersDone(this.#pool, threadId);
    await super.deleteThread(threadId);
  }
}

/** The saver of one attempt. */
class FencedSaver extends UniqueVersions {
  constructor(
    pool: pg.Pool,
    readonly fence: WriteFence,
  ) {
    super(fencedPool(pool, fence));
  }

  override put(...checkpoint: Parameters<PostgresSaver['put']>): ReturnType<PostgresSaver['put']> {
    return untilKnown(() => super.put(...checkpoint), this.fence);
  }

  override putWrites(...writes: Parameters<PostgresSaver['putWrites']>): Promise<void> {
    return untilKnown(() => super.putWrites(...writes), this.fence);
  }
}
