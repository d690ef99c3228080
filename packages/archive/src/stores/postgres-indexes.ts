import pg from 'pg';

/** Number of the lock under which one process at a time makes indexes; of no other use. */
const INDEX_LOCK = 7_155_225;

/** How long to wait for a connection, milliseconds. */
const CONNECTION_MS = 5_000;

/** Indexes for lists that the first version of the table did not have. */
const INDEXES: Readonly<Record<string, string>> = {
  millrace_archive_tenant_status: '(tenant, status, arrival DESC)',
  millrace_archive_status: '(status, arrival DESC)',
};

/** Makes the indexes that are missing, beside those who read and write: a table that has been there for long is large, and an index is
 *  then made for minutes. Nothing waits for it. */
export class PostgresIndexes {
  readonly #client: pg.Client;

  /** @param url `postgres://…` */
  constructor(url: string) {
    // a connection of its own: those of the pool may not be busy, or silent, for so long
    this.#client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECTION_MS, keepAlive: true });
    // what is asked for fails with it
    this.#client.on('error', () => undefined);
  }

  /** Requires the table. Where another process is just making them, that one does.
   *  @throws Error the next process tries again */
  async make(): Promise<void> {
    const client = this.#client;
    try {
      await client.connect();
      await client.query('SET statement_timeout = 0');
      // not the lock that waits: an index waits for all who wait in the database
      const { rows } = await client.query<{ isMine: boolean }>('SELECT pg_try_advisory_lock($1) AS "isMine"', [
        INDEX_LOCK,
      ]);
      if (rows[0]?.isMine !== true) return;
      for (const [name, columns] of Object.entries(INDEXES)) await this.#makeOne(name, columns);
    } finally {
      await this.close();
    }
  }

  /** Breaks off what is being made. */
  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined);
  }

  async #makeOne(name: string, columns: string): Promise<void> {
    const text = 'SELECT indisvalid AS "isValid" FROM pg_index WHERE indexrelid = to_regclass($1)';
    const [index] = (await this.#client.query<{ isValid: boolean }>(text, [name])).rows;
    if (index?.isValid) return;
    // one that was broken off stays, and serves nobody
    if (index !== undefined) await this.#client.query(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`);
    await this.#client.query(`CREATE INDEX CONCURRENTLY IF NOT EXISTS ${name} ON millrace_archive ${columns}`);
  }
}
