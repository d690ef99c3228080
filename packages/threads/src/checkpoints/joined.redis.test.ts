import { afterAll, describe, expect, it } from '@jest/globals';
import { AIMessage, HumanMessage } from '@langchain/core/messages';
import { type BaseCheckpointSaver, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph';
import { newRequestId, type ThreadRef, threadRef } from '@millrace/contracts';
import { AttemptFenced, KeySpace, Shards, StoredBytes } from '@millrace/stream-log';
import { eventually, newKeyPrefix, startPostgres, startRedis } from '@millrace/testing';
import { Redis } from 'ioredis';
import pg from 'pg';
import { openJoinedCheckpoints } from '../shards/joined-checkpoints.ts';
import { joinedThreads } from '../shards/joined-threads.ts';
import { ThreadKeys } from '../thread-keys.ts';
import { ThreadShards } from '../thread-shards.ts';
import { Threads } from '../threads.ts';
import { openJoinedSavers } from './joined-savers.ts';
import type { AttemptLease } from './ports.ts';

const servers = await Promise.all([startRedis(), startRedis()]);
const database = await startPostgres();
afterAll(async () => {
  await database.stop();
  await Promise.all(servers.map((server) => server.stop()));
});

const LIMITS = { kept: 100, retentionMs: 600_000, maxBytes: 1_000_000, maxStoreBytes: 1_000_000 };
const LOG = { flushed: async () => 1 };

/** The threads, checkpoints and stores of two shards. */
async function deployment(checkpoints: string) {
  const prefix = newKeyPrefix();
  const keys = new KeySpace(prefix);
  const threadKeys = new ThreadKeys(prefix);
  const connections = servers.map(({ url }) => new Redis(url));
  await Promise.all(connections.map((redis) => redis.ping()));
  const shards = new Shards({ connections, keys, generations: [2] });
  const threadShards = new ThreadShards(shards, threadKeys);
  const options = connections.map((redis) => {
    return { checkpoints, redis, keys: threadKeys, limits: LIMITS, storedBytes: new StoredBytes(redis, keys) };
  });
  const threads = joinedThreads(
    connections.map((redis) => new Threads(redis, threadKeys, new StoredBytes(redis, keys), { retentionMs: 600_000 })),
    threadShards,
  );
  const savers = await openJoinedSavers(options, threadShards);
  const ofApi = await openJoinedCheckpoints(options, threadShards);
  return {
    ...{ threads, savers, checkpoints: ofApi, threadShards },
    async [Symbol.asyncDispose]() {
      await Promise.all([savers.close(), ofApi.close()]);
      for (const redis of connections) redis.disconnect();
    },
  };
}

type Deployment = Awaited<ReturnType<typeof deployment>>;

/** A thread in a shard, with a job that an attempt has claimed. */
async function claimed(d: Deployment, shard: number, tenant = 'acme'): Promise<AttemptLease> {
  for (;;) {
    const ref = threadRef(tenant, newRequestId());
    if ((await d.threadShards.of(ref)) !== shard) continue;
    const lease = { ref, jobId: newRequestId(), attempt: 1, leaseToken: 'one' };
    await d.threads.enter({ ref, jobId: lease.jobId, onBusy: 'enqueue', kind: 'message' });
    await d.threads.claim(lease);
    return lease;
  }
}

/** An agent of one step. */
function agent(checkpointer: BaseCheckpointSaver) {
  const answer = () => ({ messages: [new AIMessage({ id: 'a', content: 'answer' })] });
  return new StateGraph(MessagesAnnotation)
    .addNode('answer', answer)
    .addEdge(START, 'answer')
    .compile({ checkpointer });
}

async function said(d: Deployment, ref: ThreadRef): Promise<unknown> {
  const state = await d.checkpoints.readState(ref);
  return (state?.values['messages'] as { content: string }[] | undefined)?.map(({ content }) => content);
}

describe.each([
  ['Redis', 'redis'],
  ['PostgreSQL', database.url],
])('the state of agents in two shards, with checkpoints in %s', (_, url) => {
  it('is kept with its thread, and copied to a thread of the other one', async () => {
    await using d = await deployment(url);
    for (const shard of [0, 1]) {
      const lease = await claimed(d, shard);
      const config = { configurable: { thread_id: lease.ref } };
      const question = { messages: [new HumanMessage({ id: 'q', content: 'question' })] };
      await agent(d.savers.forAttempt(lease, LOG)).invoke(question, config);
      expect(await said(d, lease.ref)).toEqual(['question', 'answer']);
      const copy = await claimed(d, 1 - shard);
      expect(await d.checkpoints.copy(lease.ref, copy.ref)).not.toBeNull();
      expect(await said(d, copy.ref)).toEqual(['question', 'answer']);
      await d.checkpoints.erase(lease.ref);
      expect(await said(d, lease.ref)).toBeUndefined();
      expect(await said(d, copy.ref)).toEqual(['question', 'answer']);
    }
  });

  it('has one store for a tenant, which an attempt writes to as long as it has its thread, in whichever shard', async () => {
    await using d = await deployment(url);
    const tenant = `tenant-${newRequestId()}`;
    for (const shard of [0, 1]) {
      const lease = await claimed(d, shard, tenant);
      const store = d.savers.storeOf(tenant, { lease });
      await store.put(['facts'], `of ${shard}`, { shard });
      const { ref } = lease;
      const next = { ...lease, attempt: 2, leaseToken: 'two' };
      await d.threads.claim(next);
      await expect(store.put(['facts'], 'late', {})).rejects.toThrow(AttemptFenced);
      expect((await d.savers.storeOf(tenant, { lease: next }).get(['facts'], `of ${shard}`))?.value).toEqual({ shard });
      expect(await d.threads.get(ref)).not.toBeNull();
    }
    expect((await d.savers.storeOf(tenant).search(['facts'])).map(({ key }) => key).sort()).toEqual(['of 0', 'of 1']);
    await d.checkpoints.eraseStore(tenant);
    expect(await d.savers.storeOf(tenant).search(['facts'])).toEqual([]);
  });
});

it('the shards share the connections to a database', async () => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  // the database's own processes, a vacuum for one, are none
  const others = `SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`;
  const connections = async () => Number((await client.query(others)).rows[0].count);
  try {
    await eventually(async () => (await connections()) === 0);
    await using _one = await deployment(database.url);
    // worker and API have a pool each, and LangGraph's store another. Those that made the tables take a moment to end; a pool
    // ends its idle ones after ten seconds, which is too late
    await eventually(async () => (await connections()) <= 4, { timeoutMs: 5_000 });
  } finally {
    await client.end();
  }
});
