import { afterAll, describe, expect, it } from '@jest/globals';
import { type BaseStore, InMemoryStore, InvalidNamespaceError, type Operation } from '@langchain/langgraph-checkpoint';
import { AttemptFenced, KeySpace, StoredBytes } from '@millrace/stream-log';
import { newKeyPrefix, startRedis } from '@millrace/testing';
import { Redis } from 'ioredis';
import { CheckpointHarness } from '../testing/checkpoint-harness.ts';
import { usualCipher } from '../testing/test-cipher.ts';
import { ThreadKeys } from '../thread-keys.ts';
import { CheckpointTable } from './checkpoint-table.ts';
import { StoreFull } from './errors.ts';
import type { AttemptLease } from './ports.ts';
import { RedisStore } from './redis-store.ts';

const server = await startRedis();
const redis = new Redis(server.url);
const cipher = usualCipher(redis, newKeyPrefix());

afterAll(async () => {
  cipher.close();
  await redis.quit();
  await server.stop();
});

function store({ tenant = 'acme', maxBytes = 1_000_000, keys = new ThreadKeys(newKeyPrefix()) } = {}): RedisStore {
  return new RedisStore({ redis, keys, tenant, maxBytes, cipher });
}

/** Namespaces of several depths, one of whose names begins another's. */
async function fill(target: BaseStore): Promise<void> {
  const items: [string[], string, Record<string, unknown>][] = [
    [['users', 'anna'], 'b', { kind: 'note', stars: 3, tags: ['x'] }],
    [['users', 'anna'], 'a', { kind: 'note', stars: 5 }],
    [['users', 'ann'], 'a', { kind: 'fact', stars: 1, nested: { deep: true } }],
    [['users', 'anna', 'v1'], 'a', { kind: 'fact', stars: 2 }],
    [['users'], 'a', { kind: 'fact', stars: null }],
    [['usersx'], 'a', { kind: 'note' }],
    [['docs', 'v1'], 'a', { kind: 'doc', stars: 4 }],
  ];
  for (const [namespace, key, value] of items) await target.put(namespace, key, value);
  await target.put(['users', 'anna'], 'b', { kind: 'note', stars: 4, tags: ['x', 'y'] });
  await target.put(['docs', 'v1'], 'gone', {});
  await target.delete(['docs', 'v1'], 'gone');
  await target.delete(['docs', 'v1'], 'never was');
}

describe('a tenant’s store', () => {
  it('finds what LangGraph’s InMemoryStore finds, whatever is asked', async () => {
    const [ours, theirs] = [store(), new InMemoryStore()];
    await Promise.all([fill(ours), fill(theirs)]);
    const filters = [
      undefined,
      { kind: 'note' },
      { stars: { $gt: 2 } },
      { stars: { $gte: 2, $lt: 4 }, kind: 'fact' },
      { stars: { $ne: 4 } },
      { stars: { $lte: 4 } },
      { kind: { $eq: 'doc' } },
      { kind: { $in: ['doc', 'fact'] } },
      { kind: { $nin: ['doc', 'fact'] } },
      { missing: 'x' },
    ];
    const shown = (items: readonly { namespace: string[]; key: string; value: unknown }[]) =>
      items.map(({ namespace, key, value }) => JSON.stringify([namespace, key, value])).sort();
    for (const prefix of [[], ['users'], ['users', 'anna'], ['users', 'ann'], ['docs'], ['none'], ['us']]) {
      for (const filter of filters) {
        const options = { limit: 100, ...(filter && { filter }) };
        expect(shown(await ours.search(prefix, options))).toEqual(shown(await theirs.search(prefix, options)));
      }
    }
    for (const [namespace, key] of [
      [['users', 'anna'], 'b'],
      [['users'], 'b'],
      [['docs', 'v1'], 'gone'],
    ] as const) {
      const [mine, other] = await Promise.all([ours.get([...namespace], key), theirs.get([...namespace], key)]);
      expect(mine?.value ?? null).toEqual(other?.value ?? null);
    }
    const lists = [
      {},
      { prefix: ['users'] },
      { prefix: ['*', 'anna'] },
      { suffix: ['v1'] },
      { prefix: ['users'], suffix: ['v1'] },
      { maxDepth: 1 },
      { maxDepth: 2, prefix: ['users'] },
      { limit: 2, offset: 1 },
    ];
    for (const options of lists) {
      expect(new Set((await ours.listNamespaces(options)).map(String))).toEqual(
        new Set((await theirs.listNamespaces(options)).filter((namespace) => namespace.length > 0).map(String)),
      );
    }
  });

  it('gives the items of a namespace in the order of their creation, page by page', async () => {
    const items = store();
    const keys = Array.from({ length: 450 }, (_, nth) => `key ${(nth * 7_919) % 450}`);
    for (const key of keys) await items.put(['n'], key, { key });
    await items.put(['n'], keys[0] ?? '', { key: 'changed' });
    const found = await items.search(['n'], { limit: 1_000 });
    expect(found.map(({ key }) => key)).toEqual(keys);
    expect((await items.search(['n'], { offset: 440, limit: 5 })).map(({ key }) => key)).toEqual(keys.slice(440, 445));
    expect(await items.search(['n'])).toHaveLength(10);
    const [first] = found;
    expect(first?.value).toEqual({ key: 'changed' });
    expect(first?.updatedAt.getTime()).toBeGreaterThanOrEqual(first?.createdAt.getTime() ?? 0);
  });

  it('lists more namespaces than one script reads', async () => {
    const items = store();
    const operations: Operation[] = Array.from({ length: 450 }, (_, nth) => ({
      namespace: ['n', `of ${nth}`],
      key: 'k',
      value: {},
    }));
    await items.batch(operations);
    expect(await items.listNamespaces({ limit: 1_000 })).toHaveLength(450);
    expect(await items.listNamespaces({ limit: 1_000, maxDepth: 1 })).toEqual([['n']]);
    expect(await items.listNamespaces()).toHaveLength(100);
  });

  it('reads before it writes within a batch, and keeps the last of several puts', async () => {
    const items = store();
    await items.put(['n'], 'k', { now: 1 });
    const [before, , , found] = await items.batch([
      { namespace: ['n'], key: 'k' },
      { namespace: ['n'], key: 'k', value: { now: 2 } },
      { namespace: ['n'], key: 'k', value: { now: 3 } },
      { namespacePrefix: ['n'] },
    ]);
    expect(before).toMatchObject({ value: { now: 1 } });
    expect(found).toMatchObject([{ value: { now: 1 } }]);
    expect(await items.get(['n'], 'k')).toMatchObject({ value: { now: 3 } });
  });

  it('ranks nothing by a query, as it has no vector index', async () => {
    const items = store();
    await fill(items);
    expect(await items.search(['users'], { query: 'what did Anna note?' })).toHaveLength(5);
  });

  it('is of one tenant: another sees nothing of it (law 14)', async () => {
    const keys = new ThreadKeys(newKeyPrefix());
    await store({ keys }).put(['n'], 'k', { secret: true });
    const other = store({ keys, tenant: 'other' });
    expect(await other.get(['n'], 'k')).toBeNull();
    expect(await other.search([])).toEqual([]);
    expect(await other.listNamespaces()).toEqual([]);
  });

  it('is bounded in bytes and counts them: what does not fit is refused, what is deleted makes room', async () => {
    const items = store({ maxBytes: 10_000 });
    await items.put(['n'], 'a', { text: 'x'.repeat(6_000) });
    await expect(items.put(['n'], 'b', { text: 'x'.repeat(6_000) })).rejects.toThrow(StoreFull);
    expect(await items.get(['n'], 'b')).toBeNull();
    expect(await items.bytes()).toBeGreaterThan(6_000);
    await items.put(['n'], 'a', { text: 'x' });
    await items.put(['n'], 'b', { text: 'x'.repeat(6_000) });
    await items.delete(['n'], 'a');
    await items.delete(['n'], 'b');
    expect(await items.bytes()).toBe(0);
  });

  it('tells what it takes, so that it counts for its tenant', async () => {
    const told: unknown[] = [];
    const keep = async (tenant: string, bytes: ReadonlyMap<string, number>) => void told.push([tenant, [...bytes]]);
    const items = new RedisStore({
      ...{ redis, keys: new ThreadKeys(newKeyPrefix()), tenant: 'acme', maxBytes: 10_000 },
      storedBytes: { keep },
    });
    await items.put(['n'], 'a', { text: 'x' });
    const bytes = await items.bytes();
    await items.delete(['n'], 'a');
    expect(told).toEqual([
      ['acme', [['store', bytes]]],
      ['acme', [['store', 0]]],
    ]);
  });

  it('counts nothing for its tenant when it is erased before its put is counted', async () => {
    const [keys, jobKeys] = [new ThreadKeys(newKeyPrefix()), new KeySpace(newKeyPrefix())];
    const storedBytes = new StoredBytes(redis, jobKeys);
    const limits = { kept: 1, retentionMs: 600_000, maxBytes: 10_000 };
    const table = new CheckpointTable({ redis, keys, limits, storedBytes });
    let counts = 0;
    const late: Pick<StoredBytes, 'keep'> = {
      keep: async (...counted) => {
        if (++counts === 1) await table.eraseStore('acme');
        return storedBytes.keep(...counted);
      },
    };
    const items = new RedisStore({ redis, keys, tenant: 'acme', maxBytes: 10_000, storedBytes: late });
    await items.put(['n'], 'a', { text: 'x' });
    expect(await redis.exists(...keys.ofStore('acme'), jobKeys.storedBytesOf('acme'))).toBe(0);
  });

  it('counts what is put while its erasure is being counted', async () => {
    const [keys, jobKeys] = [new ThreadKeys(newKeyPrefix()), new KeySpace(newKeyPrefix())];
    const storedBytes = new StoredBytes(redis, jobKeys);
    const items = new RedisStore({ redis, keys, tenant: 'acme', maxBytes: 10_000, storedBytes });
    let counts = 0;
    const late: Pick<StoredBytes, 'keep'> = {
      keep: async (...counted) => {
        if (++counts === 1) await items.put(['n'], 'a', { text: 'x' });
        return storedBytes.keep(...counted);
      },
    };
    const limits = { kept: 1, retentionMs: 600_000, maxBytes: 10_000 };
    await new CheckpointTable({ redis, keys, limits, storedBytes: late }).eraseStore('acme');
    expect(await redis.hget(jobKeys.storedBytesOf('acme'), 'store')).toBe(String(await items.bytes()));
    expect(await items.bytes()).toBeGreaterThan(0);
  });

  it('refuses names that it cannot tell apart', async () => {
    const items = store();
    await expect(items.put([], 'k', {})).rejects.toThrow(InvalidNamespaceError);
    await expect(items.put(['a.b'], 'k', {})).rejects.toThrow(InvalidNamespaceError);
    await expect(items.batch([{ namespace: ['a\0b'], key: 'k', value: {} }])).rejects.toThrow(InvalidNamespaceError);
    await expect(items.batch([{ namespace: [], key: 'k', value: {} }])).rejects.toThrow(InvalidNamespaceError);
    await expect(items.put(['a'], 'k\0', {})).rejects.toThrow(RangeError);
    await expect(items.search(['a'], { filter: { n: { $regex: 'x' } } })).resolves.toEqual([]);
    await items.put(['a'], 'k', { n: 1 });
    await expect(items.search(['a'], { filter: { n: { $regex: 'x' } } })).rejects.toThrow(RangeError);
  });
});

describe('the store of an attempt', () => {
  it('takes nothing more once its thread is claimed by another, or erased, or its signal is aborted', async () => {
    await using harness = new CheckpointHarness(server.url);
    const ref = harness.newThread();
    const of = (lease: AttemptLease, signal?: AbortSignal) =>
      new RedisStore({ ...harness, tenant: 'acme', maxBytes: 10_000, lease, signal });
    const first = of(await harness.claim(ref));
    await first.put(['a'], 'one', { n: 1 });
    const secondLease = await harness.claim(ref, 2);
    const second = of(secondLease);
    await expect(first.put(['a'], 'one', { n: 2 })).rejects.toThrow(AttemptFenced);
    await expect(first.delete(['a'], 'one')).rejects.toThrow(AttemptFenced);
    await second.put(['a'], 'two', { n: 2 });
    expect((await second.search(['a'])).map(({ value }) => value['n'])).toEqual([1, 2]);
    const stop = new AbortController();
    const stopped = of(secondLease, stop.signal);
    stop.abort(new Error('cancelled'));
    await expect(stopped.put(['a'], 'three', { n: 3 })).rejects.toThrow('cancelled');
    // as the erasure of a tenant does it: threads first, the store last
    await harness.redis.del(harness.keys.record(ref));
    await second.erase();
    await expect(second.put(['a'], 'late', { n: 4 })).rejects.toThrow(AttemptFenced);
    expect(await harness.redis.exists(...harness.keys.ofStore('acme'))).toBe(0);
  });
});
