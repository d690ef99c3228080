import { BaseStore, type Operation, type OperationResults } from '@langchain/langgraph-checkpoint';
import { PostgresStore } from '@langchain/langgraph-checkpoint-postgres/store';
import type pg from 'pg';
import { fencedPool, untilKnown, type WriteFence } from './postgres-fence.ts';

/** LangGraph's store on PostgreSQL for one attempt: what is written is written in one transaction, behind a fence. */
export class FencedStore extends BaseStore {
  readonly #pool: pg.Pool;

  constructor(
    readonly shared: BaseStore,
    pool: pg.Pool,
    readonly fence: WriteFence,
  ) {
    super();
    this.#pool = fencedPool(pool, fence);
  }

  /** @throws AttemptFenced nothing was written */
  override async batch<Op extends Operation[]>(operations: Op): Promise<OperationResults<Op>> {
    if (!operations.some((operation) => 'value' in operation)) return this.shared.batch(operations);
    this.fence.signal?.throwIfAborted();
    return untilKnown(() => this.#transaction(operations), this.fence);
  }

  async #transaction<Op extends Operation[]>(operations: Op): Promise<OperationResults<Op>> {
    const client = await this.#pool.connect();
    try {
      await client.query('BEGIN');
      const results = await storeOn(client).batch(operations);
      await client.query('COMMIT');
      return results as OperationResults<Op>;
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    } finally {
      client.release();
    }
  }
}

/** LangGraph's store makes a pool of its own and takes no other, nor does it know transactions. */
function storeOn(client: Pick<pg.PoolClient, 'query'>): BaseStore {
  const store = new PostgresStore({ connectionOptions: {}, ensureTables: false });
  Reflect.set(Reflect.get(store, 'core'), 'pool', {
    connect: async () => ({ query: client.query, release: () => undefined }),
  });
  return store;
}
