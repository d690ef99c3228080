import { AsyncLocalStorage } from 'node:async_hooks';
import { BaseStore, type Operation, type OperationResults } from '@langchain/langgraph-checkpoint';
import type pg from 'pg';
import { fencedPool, untilKnown, type WriteFence } from './postgres-fence.ts';

/** The transaction in which the store's own connections are to query, for what runs in it. */
export const lentTransaction = new AsyncLocalStorage<Pick<pg.PoolClient, 'query'>>();

/** LangGraph's store on PostgreSQL for one attempt: what is written is written in one transaction, behind a fence. LangGraph's
 *  store makes a pool of its own and takes no other, nor does it know transactions: the clients of its pool query in ours. */
export class FencedStore extends BaseStore {
  readonly #pool: pg.Pool;

  /** @param shared whose pool has clients that heed {@link lentTransaction} */
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
      const results = await lentTransaction.run(client, () => this.shared.batch(operations));
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
