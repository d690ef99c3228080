import { hash } from 'node:crypto';
import { afterAll, describe, expect, it } from '@jest/globals';
import { AIMessage, type BaseMessage, HumanMessage } from '@langchain/core/messages';
import {
  Annotation,
  Command,
  interrupt,
  MessagesAnnotation,
  MessagesDeltaValue,
  START,
  StateGraph,
  StateSchema,
} from '@langchain/langgraph';
import { type BaseCheckpointSaver, emptyCheckpoint, uuid6 } from '@langchain/langgraph-checkpoint';
import type { ThreadRef } from '@millrace/contracts';
import { AttemptFenced } from '@millrace/stream-log';
import { eventually, startFaultProxy, startPostgres, startRedis } from '@millrace/testing';
import { Redis } from 'ioredis';
import pg from 'pg';
import { openCheckpoints } from '../open-checkpoints.ts';
import { CheckpointHarness } from '../testing/checkpoint-harness.ts';
import { ThreadHarness } from '../testing/thread-harness.ts';
import { claimOf } from './checkpoint-table.ts';
import type { CheckpointView, StateMessage } from './ports.ts';
import { Postgres } from './postgres.ts';
import { RedisSaver } from './redis-saver.ts';
import { openSavers } from './savers.ts';

const redis = await startRedis();
const server = await startPostgres();
const threads = ThreadHarness.single(redis.url);
const harness = new CheckpointHarness(redis.url, { prefix: threads.prefix });
const limits = { kept: 100, retentionMs: 600_000, maxBytes: 1_000_000, maxStoreBytes: 1_000_000 };
const { keys, cipher } = harness;
const options = { checkpoints: server.url, redis: harness.redis, keys, cipher, limits };
// several processes at once make the tables
const [savers, checkpoints, postgres] = await Promise.all([
  openSavers(options),
  openCheckpoints(options),
  Postgres.open(server.url),
  Postgres.open(server.url).then((other) => other.close()),
]);

afterAll(async () => {
  await Promise.all([savers.close(), checkpoints.close(), postgres.close(), database.end()]);
  await harness[Symbol.asyncDispose]();
  await threads[Symbol.asyncDispose]();
  await server.stop();
  await redis.stop();
});

const database = new pg.Pool({ connectionString: server.url, max: 2 });
// the database is restarted meanwhile
database.on('error', () => undefined);

/** How many rows the tables of checkpoints have of a thread. */
async function rowsOf(ref: ThreadRef): Promise<number> {
  const counts = ['checkpoints', 'checkpoint_blobs', 'checkpoint_writes'].map(async (table) => {
    const { rows } = await database.query(`SELECT count(*) FROM ${table} WHERE thread_id = $1`, [ref]);
    return Number(rows[0].count);
  });
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

/** Inserts a row and neither commits nor rolls back: whoever inserts the same one waits until it is disposed of. */
async function inTheWay(table: string, row: Record<string, string>): Promise<AsyncDisposable> {
  const client = await database.connect();
  await client.query('BEGIN');
  const columns = Object.keys(row);
  const places = columns.map((_, place) => `$${place + 1}`);
  await client.query(`INSERT INTO ${table} (${columns}) VALUES (${places})`, Object.values(row));
  return { [Symbol.asyncDispose]: () => client.query('ROLLBACK').then(() => client.release()) };
}

/** @returns how many connections wait for another one's lock */
async function waiting(): Promise<number> {
  const { rows } = await database.query(`SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'`);
  return Number(rows[0].count);
}

/** As the API erases a thread: no attempt has it any more, then its checkpoints go. */
async function erase(ref: ThreadRef): Promise<void> {
  await harness.redis.del(keys.record(ref));
  await checkpoints.erase(ref);
}

const of = (ref: ThreadRef) => ({ configurable: { thread_id: ref } });
const log = { flushed: async () => 7 };

/** Three steps that say who runs them. */
function steps(checkpointer: BaseCheckpointSaver, runner: string) {
  const step = (name: string) => () => ({ messages: [new AIMessage({ id: name, content: `${name} by ${runner}` })] });
  return new StateGraph(MessagesAnnotation)
    .addNode('one', step('one'))
    .addNode('two', step('two'))
    .addNode('three', step('three'))
    .addEdge(START, 'one')
    .addEdge('one', 'two')
    .addEdge('two', 'three')
    .compile({ checkpointer });
}

const metadata = { source: 'loop', step: 1, parents: {} } as const;

const question = { messages: [new HumanMessage({ id: 'q', content: 'go' })] };

function messagesOf(view: CheckpointView | null): readonly StateMessage[] {
  return (view?.values['messages'] ?? []) as readonly StateMessage[];
}

function said(messages: readonly BaseMessage[]): unknown[] {
  return messages.map(({ content }) => content);
}

describe('checkpoints in PostgreSQL', () => {
  it('take an agent on where the attempt before it was fenced, after any step (law 18)', async () => {
    for (let reached = 1; reached <= 4; reached++) {
      const ref = harness.newThread();
      const content = postgres.saver();
      const put = content.put.bind(content);
      const [stuck, free] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      let puts = 0;
      // the checkpoint is in the database, and Redis does not know it yet
      content.put = async (...args) => {
        const config = await put(...args);
        if (++puts === reached + 1) {
          stuck.resolve();
          await free.promise;
        }
        return config;
      };
      const zombie = new RedisSaver(harness.table, { lease: await harness.claim(ref, 1), log }, content);
      const late = steps(zombie, 'zombie').invoke(question, { ...of(ref), durability: 'sync' });
      await stuck.promise;
      const heir = savers.forAttempt(await harness.claim(ref, 2), log);
      const head = await savers.headOf(ref);
      expect(head?.origin).toEqual({ job: 'job-1', attempt: 1, seq: 7 });
      const { messages } = await steps(heir, 'heir').invoke(null, of(ref));
      free.resolve();
      await expect(late).rejects.toThrow(AttemptFenced);
      const byZombie = ['one', 'two', 'three'].slice(0, Math.max(reached - 2, 0)).map((name) => `${name} by zombie`);
      const byHeir = ['one', 'two', 'three'].slice(Math.max(reached - 2, 0)).map((name) => `${name} by heir`);
      expect(said(messages)).toEqual(['go', ...byZombie, ...byHeir]);
      const state = await checkpoints.readState(ref);
      expect(messagesOf(state).map(({ content: text }) => text)).toEqual(said(messages));
      const parents = (await checkpoints.history(ref)).checkpoints.map(({ parentId }) => parentId);
      expect((await checkpoints.history(ref)).checkpoints.map(({ checkpointId }) => checkpointId).slice(1)).toEqual(
        parents.slice(0, -1),
      );
    }
  });

  it('are written with the serializer that the agent has brought', async () => {
    const ref = harness.newThread();
    const saver = savers.forAttempt(await harness.claim(ref), log);
    const { serde } = saver;
    const written: unknown[] = [];
    saver.serde = {
      dumpsTyped: (value) => {
        written.push(value);
        return serde.dumpsTyped(value);
      },
      loadsTyped: (type, bytes) => serde.loadsTyped(type, bytes),
    };
    await steps(saver, 'it').invoke(question, of(ref));
    expect(JSON.stringify(written)).toContain('three by it');
  });

  it('of the private thread of a job are forgotten with it', async () => {
    const ref = harness.newThread();
    await steps(savers.forAttempt(await harness.claim(ref), log), 'it').invoke(question, of(ref));
    await harness.redis.unlink(...harness.keys.ofCheckpoints(ref));
    expect(await postgres.saver().getTuple(of(ref))).toBeDefined();
    await savers.forget(ref);
    expect(await postgres.saver().getTuple(of(ref))).toBeUndefined();
  });

  it('count for the tenant of their thread, those that were rolled back as well, until it is erased', async () => {
    const ref = threads.newRef('counted');
    const bytes = async () => (await threads.threads.get(ref))?.bytes ?? 0;
    const large = { messages: [new HumanMessage({ id: 'q', content: 'x'.repeat(50_000) })] };
    await threads.enter(ref, 'first');
    const lease = { ref, jobId: 'first', attempt: 1, leaseToken: 'token-1' };
    await threads.threads.claim(lease);
    await steps(savers.forAttempt(lease, log), 'first').invoke(large, of(ref));
    // the list of messages is stored anew by each of three steps, and once before them
    const stored = await bytes();
    expect(stored).toBeGreaterThan(4 * 50_000);
    expect(stored).toBeLessThan(8 * 50_000);
    const fork = threads.newRef('counted');
    expect(await threads.threads.fork({ from: ref, to: fork, checkpoints })).toBe('forked');
    expect((await threads.threads.get(fork))?.bytes).toBeGreaterThan(50_000);
    await threads.enter(ref, 'second', { onBusy: 'rollback' });
    await threads.leave(ref, 'first', 'cancelled');
    expect(await bytes()).toBeGreaterThan(4 * 50_000);
    await checkpoints.erase(ref);
    expect(await bytes()).toBeLessThan(2_000);
  });

  it('of a thread that has expired are removed', async () => {
    await using short = ThreadHarness.single(redis.url, { retentionMs: 3_000 });
    const ref = short.newRef();
    await short.threads.create(ref);
    await postgres.saver().put(of(ref), emptyCheckpoint(), { source: 'loop', step: 1, parents: {} }, {});
    expect(await postgres.saver().getTuple(of(ref))).toBeDefined();
    await eventually(async () => {
      await short.threads.purgeExpired(10, (gone) => checkpoints.erase(gone));
      return (await postgres.saver().getTuple(of(ref))) === undefined;
    });
  });

  it('are not written by an attempt that is fenced already', async () => {
    const ref = harness.newThread();
    const zombie = savers.forAttempt(await harness.claim(ref, 1), log);
    await harness.claim(ref, 2);
    await expect(steps(zombie, 'zombie').invoke(question, of(ref))).rejects.toThrow(AttemptFenced);
    expect(await postgres.saver().getTuple(of(ref))).toBeUndefined();
  });

  it('are not written by an agent that goes on after the erasure of its thread', async () => {
    const ref = harness.newThread();
    const saver = savers.forAttempt(await harness.claim(ref), log);
    const first = await saver.put(of(ref), emptyCheckpoint(), metadata, {});
    const { serde } = saver;
    const [stuck, free] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let writers = 0;
    // past every look at Redis, and before the first word to the database
    saver.serde = {
      dumpsTyped: async (value) => {
        if (value === 'late' && ++writers === 2) stuck.resolve();
        await free.promise;
        return serde.dumpsTyped(value);
      },
      loadsTyped: (type, bytes) => serde.loadsTyped(type, bytes),
    };
    const late = { ...emptyCheckpoint(), id: uuid6(0), channel_values: { a: 'late' }, channel_versions: { a: 1 } };
    const written = Promise.allSettled([
      saver.put(first, late, metadata, { a: 1 }),
      saver.putWrites(first, [['a', 'late']], 'task'),
    ]);
    await stuck.promise;
    await erase(ref);
    free.resolve();
    for (const result of await written) expect(result).toMatchObject({ reason: expect.any(AttemptFenced) });
    expect(await rowsOf(ref)).toBe(0);
  });

  it('that are just being written are waited for by an erasure', async () => {
    const ref = harness.newThread();
    const saver = savers.forAttempt(await harness.claim(ref), log);
    const row = { thread_id: ref, checkpoint_ns: '', channel: 'a', version: '1', type: 'json' };
    const before = await waiting();
    const other = await inTheWay('checkpoint_blobs', row);
    const late = { ...emptyCheckpoint(), id: uuid6(0), channel_values: { a: 'late' }, channel_versions: { a: 1 } };
    const written = saver.put(of(ref), late, metadata, { a: 1 }).catch((error: unknown) => error);
    await eventually(async () => (await waiting()) === before + 1);
    const erased = erase(ref);
    await Promise.race([erased, eventually(async () => (await waiting()) === before + 2)]);
    await other[Symbol.asyncDispose]();
    await erased;
    expect(await rowsOf(ref)).toBe(0);
    expect(await written).toBeInstanceOf(AttemptFenced);
    expect(await rowsOf(ref)).toBe(0);
  });

  it('wait while Redis is away, and hold up nobody in the database meanwhile', async () => {
    await using away = await startRedis();
    const connection = new Redis(away.url, { maxRetriesPerRequest: null, retryStrategy: () => 50 });
    connection.on('error', () => undefined);
    const patient = await openSavers({ checkpoints: server.url, redis: connection, keys, limits });
    try {
      const ref = harness.newThread();
      const lease = { ref, jobId: 'job', attempt: 1, leaseToken: 'token' };
      await connection.hset(keys.record(ref), 'claim', claimOf(lease));
      const saver = patient.forAttempt(lease, log);
      const { serde } = saver;
      const [stuck, free] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      saver.serde = {
        dumpsTyped: async (value) => {
          stuck.resolve();
          await free.promise;
          return serde.dumpsTyped(value);
        },
        loadsTyped: (type, bytes) => serde.loadsTyped(type, bytes),
      };
      const checkpoint = { ...emptyCheckpoint(), channel_values: { a: 1 }, channel_versions: { a: 1 } };
      const written = saver.put(of(ref), checkpoint, metadata, { a: 1 });
      await stuck.promise;
      await away.kill();
      free.resolve();
      // an eraser may go on although the writer cannot ask Redis
      await postgres.saver().deleteThread(ref);
      await away.start();
      await written;
      expect(await rowsOf(ref)).toBe(2);
      expect((await patient.headOf(ref))?.checkpointId).toBe(checkpoint.id);
    } finally {
      await patient.close();
      connection.disconnect();
    }
  });

  it('are left behind by a job that is rolled back: its thread goes on from before', async () => {
    const ref = threads.newRef();
    const run = async (jobId: string, input: typeof question) => {
      await threads.enter(ref, jobId);
      const lease = { ref, jobId, attempt: 1, leaseToken: 'token-1' };
      expect((await threads.threads.claim(lease)).kind).toBe('claimed');
      return steps(savers.forAttempt(lease, log), jobId).invoke(input, of(ref));
    };
    await run('first', question);
    await threads.leave(ref, 'first');
    const before = await checkpoints.readState(ref);
    await run('second', { messages: [new HumanMessage({ id: 'undone', content: 'undone' })] });
    await threads.enter(ref, 'third', { onBusy: 'rollback' });
    expect(await threads.leave(ref, 'second', 'cancelled')).toBe('undone, then third');
    expect(await checkpoints.readState(ref)).toEqual(before);
    const { messages } = await run('third', { messages: [new HumanMessage({ id: 'again', content: 'again' })] });
    expect(said(messages).slice(0, 5)).toEqual(['go', 'one by third', 'two by third', 'three by third', 'again']);
  });

  it('are read as plain JSON, with questions, and copied', async () => {
    const [ref, fork] = [harness.newThread(), harness.newThread()];
    const graph = (checkpointer: BaseCheckpointSaver) =>
      new StateGraph(Annotation.Root({ ...MessagesAnnotation.spec, answer: Annotation<string> }))
        .addNode('ask', () => ({ answer: interrupt<string, string>('really?') }))
        .addEdge(START, 'ask')
        .compile({ checkpointer });
    await graph(savers.forAttempt(await harness.claim(ref), log)).invoke(question, of(ref));
    const asking = await checkpoints.readState(ref);
    expect(asking).toMatchObject({
      next: ['ask'],
      interrupts: [{ interruptId: expect.any(String), value: 'really?', node: 'ask' }],
      values: { messages: [{ role: 'user', content: 'go', messageId: 'q' }] },
      origin: { job: 'job-1', attempt: 1, seq: 7 },
    });
    const copied = await checkpoints.copy(ref, fork);
    expect(copied?.checkpointId).toBe(asking?.checkpointId);
    await checkpoints.erase(ref);
    expect(await checkpoints.readState(ref)).toBeNull();
    expect(await postgres.saver().getTuple(of(ref))).toBeUndefined();
    expect(await checkpoints.readState(fork)).toMatchObject({ ...asking, parentId: null, origin: null });
    const heir = savers.forAttempt(await harness.claim(fork, 1, 'job-2'), log);
    expect(await graph(heir).invoke(new Command({ resume: 'yes' }), of(fork))).toMatchObject({ answer: 'yes' });
    expect((await checkpoints.readState(fork))?.values['answer']).toBe('yes');
  });

  it('are rebuilt from what was written to a delta channel', async () => {
    const ref = harness.newThread();
    const saver = savers.forAttempt(await harness.claim(ref), log);
    const graph = new StateGraph(new StateSchema({ messages: MessagesDeltaValue }))
      .addNode('say', ({ messages }) => ({ messages: [new AIMessage({ id: `a${messages.length}`, content: 'a' })] }))
      .addEdge(START, 'say')
      .compile({ checkpointer: saver });
    for (let turn = 1; turn <= 3; turn++) {
      await graph.invoke({ messages: [new HumanMessage({ id: `q${turn}`, content: 'q' })] }, of(ref));
    }
    const { values } = await graph.getState(of(ref));
    const plain = messagesOf(await checkpoints.readState(ref));
    expect(plain.map(({ messageId }) => messageId)).toEqual(values.messages.map(({ id }: BaseMessage) => id));
    expect(plain).toHaveLength(6);
  });
});

describe('a tenant’s store in PostgreSQL', () => {
  it('survives a restart of the database, with the process that uses it', async () => {
    const store = savers.storeOf('restarted');
    await store.put(['a'], 'k', { n: 1 });
    await checkpoints.readState(harness.newThread());
    await server.restart();
    expect(await eventually(() => store.get(['a'], 'k'))).toMatchObject({ value: { n: 1 } });
    const ref = harness.newThread();
    const saver = savers.forAttempt(await harness.claim(ref), log);
    await steps(saver, 'after').invoke(question, of(ref));
  });

  it('is its own, and finds by namespace and filter', async () => {
    const [mine, other] = [savers.storeOf('acme'), savers.storeOf('acm')];
    await mine.put(['users', 'anna'], 'a', { stars: 5 });
    await mine.put(['users', 'bob'], 'b', { stars: 1 });
    await other.put(['users', 'anna'], 'a', { stars: 0 });
    expect(await mine.get(['users', 'anna'], 'a')).toMatchObject({
      namespace: ['users', 'anna'],
      key: 'a',
      value: { stars: 5 },
    });
    expect(await mine.search(['users'], { filter: { stars: { $gt: 2 } } })).toMatchObject([
      { namespace: ['users', 'anna'], value: { stars: 5 } },
    ]);
    expect((await mine.listNamespaces({ prefix: ['users'] })).map(String).sort()).toEqual(['users,anna', 'users,bob']);
    expect(await other.listNamespaces()).toEqual([['users', 'anna']]);
    expect(await other.search([])).toHaveLength(1);
    await mine.delete(['users', 'anna'], 'a');
    expect(await mine.get(['users', 'anna'], 'a')).toBeNull();
    expect(await other.get(['users', 'anna'], 'a')).toMatchObject({ value: { stars: 0 } });
  });

  it('takes nothing from an attempt whose thread is claimed by another, or erased, or whose signal is aborted', async () => {
    const ref = harness.newThread();
    const first = savers.storeOf('fenced', { lease: await harness.claim(ref, 1) });
    await first.put(['a'], 'one', { n: 1 });
    const lease = await harness.claim(ref, 2);
    const second = savers.storeOf('fenced', { lease });
    await expect(first.put(['a'], 'one', { n: 2 })).rejects.toThrow(AttemptFenced);
    await expect(first.delete(['a'], 'one')).rejects.toThrow(AttemptFenced);
    await second.put(['a'], 'two', { n: 2 });
    expect((await second.search(['a'])).map(({ value }) => value['n']).sort()).toEqual([1, 2]);
    const stop = new AbortController();
    const stopped = savers.storeOf('fenced', { lease, signal: stop.signal });
    stop.abort(new Error('cancelled'));
    await expect(stopped.put(['a'], 'three', { n: 3 })).rejects.toThrow('cancelled');
    await erase(ref);
    await checkpoints.eraseStore('fenced');
    await expect(second.put(['a'], 'late', { n: 4 })).rejects.toThrow(AttemptFenced);
    expect(await savers.storeOf('fenced').search([])).toEqual([]);
  });

  it('is erased with what is just being written to it', async () => {
    const ref = harness.newThread();
    const store = savers.storeOf('erased', { lease: await harness.claim(ref) });
    const before = await waiting();
    const namespace = `tenant-${hash('sha256', 'erased')}:a`;
    const other = await inTheWay('store', { namespace_path: namespace, key: 'late', value: '{}' });
    const written = store.put(['a'], 'late', { n: 1 });
    await eventually(async () => (await waiting()) === before + 1);
    await erase(ref);
    const erased = checkpoints.eraseStore('erased');
    await Promise.race([erased, eventually(async () => (await waiting()) === before + 2)]);
    await other[Symbol.asyncDispose]();
    await Promise.all([erased, written]);
    expect(await savers.storeOf('erased').search([])).toEqual([]);
  });
});

describe('a PostgreSQL that hangs', () => {
  it('fails what it is asked in time, and is used again as soon as it answers', async () => {
    const url = new URL(server.url);
    await using proxy = await startFaultProxy({ target: Number(url.port) });
    url.port = String(proxy.port);
    const behind = await Postgres.open(url.href);
    const ask = () => [behind.saver().getTuple(of(harness.newThread())), behind.store.get(['a'], 'k')];
    try {
      await Promise.all(ask());
      proxy.blackhole(true);
      const replies = await Promise.allSettled([...ask(), behind.saver().deleteThread(harness.newThread())]);
      expect(replies.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
      proxy.heal();
      // none of them gets a connection that is dead
      expect(await Promise.all(ask())).toEqual([undefined, null]);
    } finally {
      await behind.close();
    }
  });
});
