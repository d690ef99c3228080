import { Socket } from 'node:net';
import { idOf, type JobRef, jobRef, tenantOf } from '@millrace/contracts';
import pg from 'pg';
import { type ArchivedJob, decodeJob, decodeRecords, encode } from '../archived-job.ts';
import { StoreUnreachable } from '../errors.ts';
import type { ArchivePage, ArchiveQuery, HeldCopy, JobArchive, PurgeStep } from '../job-archive.ts';
import { PostgresIndexes } from './postgres-indexes.ts';

/** Number of the lock under which one process at a time makes the table; of no other use. */
const SETUP_LOCK = 7_155_224;
const MAX_CONNECTIONS = 8;
/** How long to wait for a connection, and how long the database may be silent, milliseconds. */
const CONNECTION_MS = 5_000;
const SILENCE_MS = 15_000;
/** Rows that are deleted at a time. */
const DELETED = 500;
const MAX_HOLDERS = 50;

/** The last thing that is made: with it, all is there. */
const IS_SET_UP = `SELECT to_regclass('millrace_archive_end') IS NOT NULL AS "isSetUp"`;

const SETUP = `
  CREATE TABLE IF NOT EXISTS millrace_archive (
    tenant text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    arrival bigint NOT NULL,
    finished_at bigint NOT NULL,
    status text NOT NULL,
    thread_id text COLLATE "C",
    record bytea NOT NULL,
    job bytea NOT NULL,
    PRIMARY KEY (id, tenant)
  );
  CREATE INDEX IF NOT EXISTS millrace_archive_arrival ON millrace_archive (arrival DESC);
  CREATE INDEX IF NOT EXISTS millrace_archive_tenant ON millrace_archive (tenant, arrival DESC);
  CREATE INDEX IF NOT EXISTS millrace_archive_thread ON millrace_archive (tenant, thread_id, arrival DESC)
    WHERE thread_id IS NOT NULL;
  CREATE INDEX IF NOT EXISTS millrace_archive_end ON millrace_archive (finished_at);
`;

const PUT = `
  INSERT INTO millrace_archive (tenant, id, arrival, finished_at, status, thread_id, record, job)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
  ON CONFLICT (id, tenant) DO UPDATE SET
    arrival = excluded.arrival, finished_at = excluded.finished_at, status = excluded.status,
    thread_id = excluded.thread_id, record = excluded.record, job = excluded.job
`;

interface Row {
  readonly tenant: string;
  readonly id: string;
  readonly arrival: string;
  readonly finished_at: string;
  readonly record: Buffer;
  readonly job: Buffer;
}

/** An archive of one table, which is made where it is missing. The database may be away when a service starts. */
export class PostgresArchive implements JobArchive {
  readonly kind = 'postgresql';
  readonly #pool: pg.Pool;
  #setUp: Promise<void> | null = null;
  #indexes: PostgresIndexes | null = null;

  /** @param url `postgres://…`
   *  @param options of who lists jobs: has the indexes for it made, and is told where that fails */
  constructor(
    private readonly url: string,
    private readonly options: { readonly onIndexFailed?: (error: unknown) => void } = {},
  ) {
    this.#pool = new pg.Pool({
      ...{ connectionString: url, max: MAX_CONNECTIONS, Client: CalmClient },
      ...{ connectionTimeoutMillis: CONNECTION_MS, statement_timeout: SILENCE_MS },
    });
    // the next query takes a new connection
    this.#pool.on('error', () => undefined);
  }

  async put(job: ArchivedJob, signal: AbortSignal): Promise<void> {
    const { events: _, ...record } = job;
    const [entry, whole] = await Promise.all([encode(record), encode(job)]);
    const { ref, arrival, finishedAt, status, threadId } = job;
    const place = [tenantOf(ref), idOf(ref), arrival, finishedAt, status, threadId];
    await this.#query(PUT, [...place, entry, whole], signal);
  }

  async get(ref: JobRef, signal: AbortSignal): Promise<ArchivedJob | null> {
    const text = 'SELECT job FROM millrace_archive WHERE id = $1 AND tenant = $2';
    const [row] = await this.#query(text, [idOf(ref), tenantOf(ref)], signal);
    return row === undefined ? null : decodeJob(ref, row.job);
  }

  async holders(jobId: string, signal: AbortSignal): Promise<HeldCopy[]> {
    const text = 'SELECT tenant, id, finished_at FROM millrace_archive WHERE id = $1 LIMIT $2';
    const rows = await this.#query(text, [jobId, MAX_HOLDERS], signal);
    return rows.map((row) => ({ ref: refOf(row), finishedAt: Number(row.finished_at) }));
  }

  async list({ tenant, threadId, status, before, limit }: ArchiveQuery, signal: AbortSignal): Promise<ArchivePage> {
    const values: (string | number)[] = [];
    const conditions = [
      ['tenant =', tenant],
      ['thread_id =', threadId],
      ['status =', status],
      ['arrival <', before],
    ].flatMap(([condition, value]) => {
      if (value === null || value === undefined) return [];
      values.push(value);
      return [`${condition} $${values.length}`];
    });
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
    const text = `SELECT tenant, id, arrival, record FROM millrace_archive ${where}
      ORDER BY arrival DESC LIMIT $${values.length + 1}`;
    const rows = await this.#query(text, [...values, limit + 1], signal);
    const page = rows.slice(0, limit);
    const records = await decodeRecords(page.map((row) => ({ ref: refOf(row), bytes: row.record })));
    return { ...records, next: rows.length > limit ? (page.at(-1)?.arrival ?? null) : null };
  }

  async erase(ref: JobRef, signal: AbortSignal): Promise<void> {
    await this.#query('DELETE FROM millrace_archive WHERE id = $1 AND tenant = $2', [idOf(ref), tenantOf(ref)], signal);
  }

  async eraseTenant(tenant: string, endedBy: number, signal: AbortSignal): Promise<boolean> {
    return (await this.#deleteSome('tenant = $1 AND finished_at <= $2', [tenant, endedBy], signal)) === 0;
  }

  async purge(endedBefore: number, _from: string | null, signal: AbortSignal): Promise<PurgeStep> {
    const erased = await this.#deleteSome('finished_at < $1', [endedBefore], signal);
    // what is left is found by its end
    return { erased, next: erased === 0 ? null : '' };
  }

  async close(): Promise<void> {
    const making = this.#indexes;
    this.#indexes = null;
    await Promise.all([making?.close(), this.#pool.end()]);
  }

  /** @returns how many; 0: none is left */
  async #deleteSome(condition: string, values: readonly (string | number)[], signal: AbortSignal): Promise<number> {
    const text = `DELETE FROM millrace_archive WHERE (id, tenant) IN
      (SELECT id, tenant FROM millrace_archive WHERE ${condition} LIMIT ${DELETED}) RETURNING tenant`;
    return (await this.#query(text, values, signal)).length;
  }

  async #query(text: string, values: readonly unknown[], signal: AbortSignal): Promise<Row[]> {
    this.#setUp ??= this.#makeTable()
      .then(() => this.#makeIndexes())
      .catch((error: unknown) => {
        this.#setUp = null;
        throw asUnreachable(error);
      });
    await this.#setUp;
    signal.throwIfAborted();
    const { rows } = await this.#pool.query<Row>(text, [...values]).catch((error: unknown) => {
      throw asUnreachable(error);
    });
    return rows;
  }

  async #makeTable(): Promise<void> {
    const client = await this.#pool.connect();
    try {
      // looking for an index by making it would lock the table, and wait for whoever is making another one
      const { rows } = await client.query<{ isSetUp: boolean }>(IS_SET_UP);
      if (rows[0]?.isSetUp) return;
      await client.query('SELECT pg_advisory_lock($1)', [SETUP_LOCK]);
      await client.query(SETUP);
    } finally {
      // ends the session, and with it the lock
      client.release(true);
    }
  }

  /** Begins to make them: nobody waits for it. */
  #makeIndexes(): void {
    const { onIndexFailed } = this.options;
    if (onIndexFailed === undefined) return;
    const indexes = new PostgresIndexes(this.url);
    this.#indexes = indexes;
    // closed: it was broken off, and the next process goes on
    void indexes.make().catch((error: unknown) => this.#indexes === indexes && onIndexFailed(error));
  }
}

/** A connection whose server has fallen silent is broken off, with all that waits for it: the pool must not lend it again. */
class CalmClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    this.once('connect', () => {
      const { stream } = this.connection;
      if (stream instanceof Socket) stream.setTimeout(SILENCE_MS, () => stream.destroy());
    });
  }
}

/** @returns the error, as StoreUnreachable unless the database has answered with it: that it stops, or takes no connection, is no answer */
function asUnreachable(error: unknown): unknown {
  const isAnswer = error instanceof pg.DatabaseError && !/^(08|57P|53300)/.test(error.code ?? '');
  return isAnswer ? error : new StoreUnreachable(error);
}

function refOf({ tenant, id }: Row): JobRef {
  return jobRef(tenant, id);
}
