import type { BaseCheckpointSaver } from '@langchain/langgraph-checkpoint';
import type { ThreadRef } from '@millrace/contracts';
import type { CheckpointName, CheckpointTable, ReadCheckpoint } from './checkpoint-table.ts';
import { replayed } from './delta-values.ts';
import { Postgres } from './postgres.ts';
import { type Content, RedisCheckpoints } from './redis-checkpoints.ts';
import { RedisSaver } from './redis-saver.ts';
import { configOf } from './saver-config.ts';
import { storeSubject, TenantStore } from './tenant-store.ts';

/** Items of a store that are deleted at a time. */
const STORE_PAGE = 100;

/** The checkpoints whose values are in PostgreSQL, for the API. This brings in LangChain. */
export class PostgresCheckpoints extends RedisCheckpoints {
  readonly #postgres: Postgres;
  readonly #saver: BaseCheckpointSaver;

  /** @param postgres that it closes, and that others may use as well */
  constructor(table: CheckpointTable, postgres: Postgres) {
    const content = postgres.saver();
    super(table, copyIn(content));
    this.#postgres = postgres;
    this.#saver = new RedisSaver(table, null, content);
  }

  /** @param tables of the shards, one each, which share the connections to the database
   *  @throws Error the database does not answer */
  static async open(tables: readonly CheckpointTable[], url: string): Promise<PostgresCheckpoints[]> {
    const postgres = await Postgres.open(url);
    return tables.map((table) => new PostgresCheckpoints(table, postgres));
  }

  override erase(ref: ThreadRef): Promise<void> {
    return this.#saver.deleteThread(ref);
  }

  override async eraseStore(tenant: string): Promise<void> {
    const store = new TenantStore(this.#postgres.store, tenant);
    await this.#postgres.writersDone(storeSubject(tenant));
    for (;;) {
      const items = await store.search([], { limit: STORE_PAGE });
      if (items.length === 0) return;
      for (const { namespace, key } of items) await store.delete(namespace, key);
    }
  }

  override async close(): Promise<void> {
    await this.#postgres.close();
  }

  protected override async contentOf(ref: ThreadRef, found: ReadCheckpoint): Promise<Content> {
    const config = configOf(ref, { namespace: found.namespace, id: found.outline.id });
    const tuple = await this.#saver.getTuple(config);
    const paths = new Map(found.writes.map(({ taskId, path }) => [taskId, path]));
    const writes = (tuple?.pendingWrites ?? []).map(([taskId, channel, value]) => {
      return { taskId, path: paths.get(taskId) ?? '', channel, value };
    });
    const values = { ...tuple?.checkpoint.channel_values };
    const counters = Object.keys(tuple?.metadata?.counters_since_delta_snapshot ?? {});
    const missing = counters.filter((channel) => !Object.hasOwn(values, channel));
    const histories = await this.#saver.getDeltaChannelHistory({ config, channels: missing });
    const json = async (value: unknown) =>
      JSON.parse(Buffer.from((await this.#saver.serde.dumpsTyped(value))[1]).toString());
    const rebuilt: Record<string, unknown> = {};
    for (const [channel, history] of Object.entries(histories)) {
      const written = await json(history.writes.map(([, , value]) => value));
      rebuilt[channel] = replayed(history.seed === undefined ? undefined : await json(history.seed), written);
    }
    return { values: { ...(await json(values)), ...rebuilt }, writes: await json(writes) };
  }
}

function copyIn(content: BaseCheckpointSaver) {
  return async (from: ThreadRef, to: ThreadRef, name: Required<CheckpointName>, parentId: string | null) => {
    const tuple = await content.getTuple(configOf(from, name));
    if (tuple === undefined) return 0;
    const { checkpoint, metadata = { source: 'fork', step: 0, parents: {} }, pendingWrites = [] } = tuple;
    const place = configOf(to, { namespace: name.namespace, id: parentId ?? undefined });
    await content.put(place, checkpoint, metadata, checkpoint.channel_versions);
    for (const [taskId, writes] of Map.groupBy(pendingWrites, ([task]) => task)) {
      const pairs = writes.map(([, channel, value]): [string, unknown] => [channel, value]);
      await content.putWrites(configOf(to, name), pairs, taskId);
    }
    const [, bytes] = await content.serde.dumpsTyped(checkpoint.channel_values);
    return bytes.length;
  };
}
