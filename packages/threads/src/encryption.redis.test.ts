import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type BaseStore, emptyCheckpoint, INTERRUPT, uuid6 } from '@langchain/langgraph-checkpoint';
import type { ThreadRef } from '@millrace/contracts';
import { type ContentCipher, PLAIN, type RedisConnection } from '@millrace/stream-log';
import { startRedis, startRedisCluster, type TestRedis, wordsIn } from '@millrace/testing';
import { Redis } from 'ioredis';
import { CheckpointTable } from './checkpoints/checkpoint-table.ts';
import { RedisCheckpoints } from './checkpoints/redis-checkpoints.ts';
import { RedisSaver } from './checkpoints/redis-saver.ts';
import { RedisStore } from './checkpoints/redis-store.ts';
import { newCipher } from './testing/test-cipher.ts';
import { RETENTION_MS, ThreadHarness } from './testing/thread-harness.ts';
import { ThreadCatalogue } from './thread-catalogue.ts';

const LIMITS = { kept: 100, retentionMs: RETENTION_MS, maxBytes: 8 * 1024 * 1024 };

/** A word that Redis must not hold. */
const canary = (name: string) => `canary${name}canary`;

/** As much as takes several pieces, and a further level of them. */
const long = (name: string) => Array.from({ length: 20_000 }, (_, nth) => `${canary(name)} ${nth}`).join();

/** The threads of one key prefix, and what keeps the state of their agents. */
class Deployment implements AsyncDisposable {
  readonly harness: ThreadHarness;
  readonly table: CheckpointTable;
  readonly checkpoints: RedisCheckpoints;
  readonly catalogue: ThreadCatalogue;
  readonly store: BaseStore;

  constructor(redis: RedisConnection, prefix?: string, cipher?: ContentCipher) {
    const plain = new ThreadHarness(redis, { retentionMs: RETENTION_MS }, prefix, PLAIN);
    const used = cipher ?? newCipher(redis, plain.prefix);
    this.harness = new ThreadHarness(redis, { retentionMs: RETENTION_MS }, plain.prefix, used);
    const { keys, threads } = this.harness;
    this.table = new CheckpointTable({ redis, keys, limits: LIMITS, cipher: used });
    this.checkpoints = new RedisCheckpoints(this.table);
    this.catalogue = new ThreadCatalogue(redis, keys, threads);
    this.store = new RedisStore({ redis, keys, tenant: 'default', maxBytes: 1_000_000, cipher: used });
  }

  get redis(): RedisConnection {
    return this.harness.redis;
  }

  get threads() {
    return this.harness.threads;
  }

  /** A thread of `chat` with metadata, whose one job has asked something. */
  async conversation(ref = this.harness.newRef()): Promise<ThreadRef> {
    await this.threads.create(ref, { metadata: { first: canary('First') } });
    await this.threads.create(ref, { metadata: { second: canary('Second') } });
    await this.harness.enter(ref, 'a');
    await this.harness.claim(ref, 'a', 1, [canary('Asked')]);
    await this.threads.leave({
      ...{ ref, jobId: 'a', status: 'interrupted', pipeline: 'agent' },
      said: [{ role: 'assistant', content: canary('Said') }],
      interrupts: [{ interruptId: 'q', value: canary('Question') }],
    });
    return ref;
  }

  saver(ref: ThreadRef, jobId: string, attempt = 1): RedisSaver {
    const lease = { ref, jobId, attempt, leaseToken: `token-${attempt}` };
    return new RedisSaver(this.table, { lease, log: { flushed: async () => 0 } });
  }

  /** Lets a job store a state, and a question at it. @returns the checkpoint's id */
  async step(ref: ThreadRef, jobId: string, values: Record<string, string>): Promise<string> {
    const head = (await this.threads.get(ref))?.head ?? undefined;
    const saver = this.saver(ref, jobId);
    const versions = Object.fromEntries(Object.keys(values).map((channel) => [channel, 1]));
    const checkpoint = { ...emptyCheckpoint(), id: uuid6(0), channel_values: values, channel_versions: versions };
    const at = { configurable: { thread_id: ref, ...(head && { checkpoint_id: head }) } };
    const metadata = { source: 'loop' as const, step: 1, parents: {}, note: canary('Metadata') };
    const stored = await saver.put(at, checkpoint, metadata, versions);
    await saver.putWrites(stored, [[INTERRUPT, { id: 'q', value: canary('Interrupt') }]], 'task-1');
    return checkpoint.id;
  }

  /** A thread of an agent that has asked something. */
  async agent(): Promise<ThreadRef> {
    const ref = this.harness.newRef();
    await this.harness.enter(ref, 'a');
    await this.harness.claim(ref, 'a');
    await this.step(ref, 'a', { small: canary('Small'), large: long('Large') });
    await this.harness.leave(ref, 'a');
    return ref;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.harness[Symbol.asyncDispose]();
  }
}

/** A connection that the deployment closes. */
const connection = (url: string) => new Redis(url);

describe.each(['one server', 'a cluster'])('encrypted threads on %s', (place) => {
  let parts: AsyncDisposableStack;
  let d: Deployment;
  let servers: readonly TestRedis[];
  beforeAll(async () => {
    parts = new AsyncDisposableStack();
    if (place === 'a cluster') {
      const cluster = parts.use(await startRedisCluster());
      servers = cluster.masters;
      d = parts.use(new Deployment(ThreadHarness.cluster(cluster.ports).redis));
    } else {
      const server = parts.use(await startRedis());
      servers = [server];
      d = parts.use(new Deployment(connection(server.url)));
    }
  });
  afterAll(() => parts?.disposeAsync());

  const remains = async () => (await Promise.all(servers.map(({ url }) => wordsIn(url, 'canary')))).flat();

  it('hold no word, and read back all of them', async () => {
    const ref = await d.conversation();
    expect(await d.threads.get(ref)).toMatchObject({
      ...{ status: 'interrupted', metadata: { first: canary('First'), second: canary('Second') } },
      ...{ interrupts: [{ interruptId: 'q', value: canary('Question') }], questions: { pipeline: 'agent' } },
    });
    const said = [{ content: canary('Asked') }, { content: canary('Said') }];
    expect(await d.threads.messages(ref, { from: 0, limit: 10 })).toMatchObject(said);
    expect(await d.threads.messagePage(ref, { from: 1, limit: 1 })).toMatchObject({ messages: said.slice(1) });
    const answers = (await d.threads.get(ref))?.questions?.digest;
    expect(await d.harness.enter(ref, 'other', { kind: 'resume', answers: 'another' })).toBe('not-interrupted');
    expect(await d.harness.enter(ref, 'b', { kind: 'resume', answers })).toBe('run');
    expect(await remains()).toEqual([]);
  });

  it('hold no word of an agent, and read back its state', async () => {
    const ref = await d.agent();
    const state = {
      values: { small: canary('Small'), large: long('Large') },
      ...{ metadata: { note: canary('Metadata') }, interrupts: [{ value: canary('Interrupt') }] },
    };
    expect(await d.checkpoints.readState(ref)).toMatchObject(state);
    expect(await d.checkpoints.history(ref)).toMatchObject({ checkpoints: [state] });
    expect(await d.checkpoints.headOf(ref)).toMatchObject({ origin: { job: 'a' } });
    const tuple = await d.saver(ref, 'b').getTuple({ configurable: { thread_id: ref } });
    expect(tuple?.checkpoint.channel_values).toEqual(state.values);
    expect(tuple?.pendingWrites).toEqual([['task-1', INTERRUPT, { id: 'q', value: canary('Interrupt') }]]);
    expect(await remains()).toEqual([]);
  });

  it('are copied by a fork, which nothing of the other thread opens', async () => {
    const [chat, agent] = [await d.conversation(), await d.agent()];
    const [chatCopy, agentCopy] = [d.harness.newRef(), d.harness.newRef()];
    const { checkpoints } = d;
    expect(await d.threads.fork({ from: chat, to: chatCopy, checkpoints })).toBe('forked');
    expect(await d.threads.fork({ from: agent, to: agentCopy, checkpoints })).toBe('forked');
    await Promise.all([chat, agent].map((ref) => d.threads.erase(ref)));
    expect(await d.threads.get(chatCopy)).toMatchObject({
      metadata: { first: canary('First'), second: canary('Second') },
      interrupts: [{ value: canary('Question') }],
    });
    expect(await d.threads.messages(chatCopy, { from: 0, limit: 10 })).toMatchObject([
      { content: canary('Asked') },
      { content: canary('Said') },
    ]);
    const values = { small: canary('Small'), large: long('Large') };
    expect(await checkpoints.readState(agentCopy)).toMatchObject({
      ...{ values, interrupts: [{ value: canary('Interrupt') }] },
    });
    expect(await remains()).toEqual([]);

    // what has not changed since is stored once
    const { redis, keys } = d.harness;
    const before = Number(await redis.hget(keys.record(agentCopy), 'bytes'));
    await d.harness.enter(agentCopy, 'b');
    await d.harness.claim(agentCopy, 'b');
    await d.step(agentCopy, 'b', { ...values, small: canary('Other') });
    expect(Number(await redis.hget(keys.record(agentCopy), 'bytes')) - before).toBeLessThan(10_000);
  });

  it('keep items of a store that hold no word', async () => {
    const { store } = d;
    await store.put(['users', 'a'], 'k', { text: canary('Item') });
    await store.put(['users', 'b'], 'k', { text: canary('Item') });
    expect((await store.get(['users', 'a'], 'k'))?.value).toEqual({ text: canary('Item') });
    expect(await store.search(['users'], { filter: { text: canary('Item') } })).toHaveLength(2);
    expect(await store.listNamespaces({ prefix: ['users'] })).toHaveLength(2);
    expect(await remains()).toEqual([]);
  });
});

describe('encrypted threads', () => {
  let server: TestRedis;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server?.stop());

  it('stay readable from before they were encrypted, and go on encrypted', async () => {
    await using before = new Deployment(connection(server.url), undefined, PLAIN);
    const [chat, agent] = [await before.conversation(), await before.agent()];
    await before.store.put(['users'], 'old', { text: canary('Item') });

    await using d = new Deployment(connection(server.url), before.harness.prefix);
    expect(await d.threads.get(chat)).toMatchObject({ metadata: { first: canary('First') }, unreadable: null });
    await d.threads.create(chat, { metadata: { third: 'third' } });
    expect((await d.threads.get(chat))?.metadata).toMatchObject({ first: canary('First'), third: 'third' });
    await d.harness.enter(chat, 'b');
    await d.harness.claim(chat, 'b', 1, ['a secret']);
    const messages = [{ content: canary('Asked') }, { content: canary('Said') }, { content: 'a secret' }];
    expect(await d.threads.messages(chat, { from: 0, limit: 10 })).toMatchObject(messages);
    await d.harness.enter(agent, 'b');
    await d.harness.claim(agent, 'b');
    const large = `${long('Large')} and a secret`;
    await d.step(agent, 'b', { small: canary('Small'), large });
    expect(await d.checkpoints.readState(agent)).toMatchObject({ values: { large } });
    expect(await d.checkpoints.history(agent)).toMatchObject({
      checkpoints: [{}, { values: { large: long('Large') } }],
    });
    await d.store.put(['users'], 'new', { text: 'a secret' });
    expect(await d.store.search(['users'])).toHaveLength(2);
    expect(await wordsIn(server.url, 'a secret')).toEqual([]);

    // and are readable once nothing more is encrypted
    const reads = newCipher(d.redis, d.harness.prefix, false);
    await using after = new Deployment(connection(server.url), d.harness.prefix, reads);
    expect(await after.checkpoints.readState(agent)).toMatchObject({ values: { large } });
    const copy = after.harness.newRef();
    const { checkpoints } = after;
    expect(await after.threads.fork({ from: agent, to: copy, checkpoints })).toBe('forked');
    await using without = new Deployment(connection(server.url), d.harness.prefix, PLAIN);
    expect(await without.checkpoints.readState(copy)).toMatchObject({ values: { large } });
    await expect(without.checkpoints.readState(agent)).rejects.toMatchObject({ code: 'CONTENT_UNREADABLE' });
  });

  it('cannot be read once the key of their tenant is destroyed', async () => {
    await using d = new Deployment(connection(server.url));
    const [chat, agent] = [await d.conversation(), await d.agent()];
    await d.store.put(['n'], 'old', { n: 1 });
    await d.harness.cipher.destroy('default');
    const { redis, keys, cipher } = d.harness;
    const later = new RedisStore({ redis, keys, cipher, tenant: 'default', maxBytes: 1_000_000 });
    expect(await later.search(['n'])).toEqual([]);
    await expect(later.get(['n'], 'old')).rejects.toMatchObject({ reason: 'destroyed' });
    const destroyed = { code: 'CONTENT_UNREADABLE', reason: 'destroyed' };
    await expect(d.threads.messages(chat, { from: 0, limit: 10 })).rejects.toMatchObject(destroyed);
    await expect(d.checkpoints.readState(agent)).rejects.toMatchObject(destroyed);
    expect(await d.threads.get(chat)).toMatchObject({ metadata: {}, unreadable: destroyed });
    // and another one is made for what comes
    const next = await d.conversation();
    expect(await d.threads.get(next)).toMatchObject({ unreadable: null, metadata: { first: canary('First') } });
  });

  it('fail alone where something was altered, and can still be listed and erased', async () => {
    await using d = new Deployment(connection(server.url));
    const { keys } = d.harness;
    const [altered, whole] = [await d.conversation(), await d.conversation()];
    const metadata = (await d.redis.hget(keys.record(altered), 'metadata')) ?? '';
    await d.redis.hset(keys.record(altered), 'metadata', flipped(metadata));
    const unreadable = { code: 'CONTENT_UNREADABLE', reason: 'altered' };
    expect(await d.threads.get(altered)).toMatchObject({ status: 'interrupted', metadata: {}, unreadable });
    await expect(d.threads.create(altered, { metadata: { k: 'v' } })).rejects.toMatchObject(unreadable);
    const { threads } = await d.catalogue.list('default', { limit: 10 });
    const byRef = new Map(threads.map((thread) => [thread.ref, thread]));
    expect(byRef.get(altered)).toMatchObject({ unreadable });
    expect(byRef.get(whole)).toMatchObject({ unreadable: null });
    expect(await d.harness.enter(altered, 'b')).toBe('run');
    expect(await d.harness.leave(altered, 'b')).toBe('left');
    expect(await d.threads.erase(altered)).toBe(true);
  });

  it('refuse what belongs to another place', async () => {
    await using d = new Deployment(connection(server.url));
    const { keys } = d.harness;
    const [one, other] = [await d.conversation(), await d.conversation()];
    const altered = { code: 'CONTENT_UNREADABLE', reason: 'altered' };
    const swapFields = (key: string, a: string, b: string) => swap(d.redis, key, a, key, b);

    await swap(d.redis, keys.record(one), 'metadata', keys.record(other), 'metadata');
    expect(await d.threads.get(one)).toMatchObject({ unreadable: altered });
    const [message] = await d.redis.lrangeBuffer(keys.messages(one), 0, 0);
    await d.redis.lset(keys.messages(other), 0, message ?? '');
    await expect(d.threads.messages(other, { from: 0, limit: 10 })).rejects.toMatchObject(altered);

    const agent = await d.agent();
    await d.harness.enter(agent, 'b');
    await d.harness.claim(agent, 'b');
    await d.step(agent, 'b', { small: 'small', large: long('Larger') });
    const data = keys.checkpoints(agent);
    const fields = await d.redis.hkeys(data);
    const isNode = async (field: string) => (await d.redis.hgetBuffer(data, field))?.[0] === 'N'.charCodeAt(0);
    const pieces = fields.filter((field) => field.startsWith('p\0'));
    const nodes = (await Promise.all(pieces.map(isNode))).flatMap((is, place) => (is ? [pieces[place] ?? ''] : []));
    const leaves = pieces.filter((field) => !nodes.includes(field));
    const kinds = [
      fields.filter((field) => field.startsWith('c\0')),
      fields.filter((field) => field.startsWith('w\0')),
      nodes,
      leaves,
    ];
    for (const [a = '', b = ''] of kinds) {
      expect([a, b]).not.toContain('');
      await swapFields(data, a, b);
      await expect(d.checkpoints.history(agent)).rejects.toMatchObject(altered);
      await swapFields(data, a, b);
      expect(await d.checkpoints.history(agent)).toMatchObject({ checkpoints: [{}, {}] });
    }

    await d.store.put(['n'], 'a', { n: 1 });
    await d.store.put(['n'], 'b', { n: 2 });
    const [items] = keys.ofStore('default');
    const [a, b] = await d.redis.hmgetBuffer(items, 'n\0\0a', 'n\0\0b');
    // each item begins with its times
    await d.redis.hset(
      items,
      'n\0\0a',
      Buffer.concat([a?.subarray(0, 32) ?? a, b?.subarray(32)].filter((part) => part !== undefined && part !== null)),
    );
    await expect(d.store.get(['n'], 'a')).rejects.toMatchObject(altered);
    await d.store.put(['n'], 'a', { n: 3 });
    expect(await d.store.search(['n'])).toMatchObject([{ value: { n: 3 } }, { value: { n: 2 } }]);
  });
});

function flipped(stored: string): string {
  const at = stored.length - 10;
  return `${stored.slice(0, at)}${stored[at] === 'A' ? 'B' : 'A'}${stored.slice(at + 1)}`;
}

async function swap(redis: RedisConnection, keyA: string, a: string, keyB: string, b: string): Promise<void> {
  const [one, other] = [await redis.hgetBuffer(keyA, a), await redis.hgetBuffer(keyB, b)];
  await redis.hset(keyA, a, other ?? '');
  await redis.hset(keyB, b, one ?? '');
}
