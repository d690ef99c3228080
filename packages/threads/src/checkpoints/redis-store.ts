import { randomUUID } from 'node:crypto';
import {
  BaseStore,
  type GetOperation,
  type Item,
  type ListNamespacesOperation,
  type Operation,
  type OperationResults,
  type PutOperation,
  type SearchItem,
  type SearchOperation,
  validateNamespace,
} from '@langchain/langgraph-checkpoint';
import { jobRef } from '@millrace/contracts';
import {
  AttemptFenced,
  type ContentCipher,
  ContentUnreadable,
  NewerFormat,
  PLAIN,
  type PlaceCipher,
  type RedisConnection,
  type StoredBytes,
} from '@millrace/stream-log';
import { patiently } from '../redis/patiently.ts';
import { type RunScript, scriptsOf } from '../redis/thread-scripts.ts';
import type { ThreadKeys } from '../thread-keys.ts';
import { THREAD_FORMAT } from '../thread-record.ts';
import { claimOf } from './checkpoint-table.ts';
import { StoreFull } from './errors.ts';
import type { AttemptLease } from './ports.ts';
import { countStore } from './store-bytes.ts';
import { matchesFilter, matchesNamespace } from './store-filters.ts';

const SCRIPTS = { put: [4, 'format'], page: [2, 'format'], namespaces: [1] } as const;

/** Items, or namespaces, that one script reads; puts that one script stores. */
const BATCH = 200;

/** How long a store's epoch lasts on a cluster, milliseconds. A put that takes longer looks at its claim again. */
const EPOCH_MS = 60_000;

const MOST_KEY_CHARACTERS = 1_024;
const MOST_LABELS = 32;

export interface RedisStoreOptions {
  readonly redis: RedisConnection;
  readonly keys: ThreadKeys;
  readonly tenant: string;
  /** of all items of the tenant together */
  readonly maxBytes: number;
  /** is told how many bytes the tenant's items take */
  readonly storedBytes?: Pick<StoredBytes, 'keep'> | undefined;
  /** default: nothing is encrypted */
  readonly cipher?: ContentCipher | undefined;
  /** of the attempt that writes: once another has claimed the thread, or it is erased, nothing more is stored */
  readonly lease?: AttemptLease | undefined;
  /** ends the waiting while Redis is away; afterwards nothing is stored */
  readonly signal?: AbortSignal | undefined;
  /** a connection to the Redis that has the lease's thread; left out: it is that of the store */
  readonly claims?: RedisConnection | undefined;
}

/** LangGraph's long-term memory on plain Redis, one for each tenant: JSON items by namespace and key, which do not expire.
 *  Searches take filters, and give the oldest item of a namespace first. There is no vector index: a `query` ranks nothing,
 *  as in LangGraph's own InMemoryStore without an index. Of an encrypted item, the namespace and the key stay readable in Redis. */
export class RedisStore extends BaseStore {
  readonly #options: RedisStoreOptions;
  readonly #run: RunScript<keyof typeof SCRIPTS>;
  readonly #keys: readonly [items: string, index: string, epoch: string];
  readonly #cipher: PlaceCipher;

  constructor(options: RedisStoreOptions) {
    super();
    this.#options = options;
    this.#cipher = (options.cipher ?? PLAIN).at(options.tenant, 'store');
    this.#run = scriptsOf(options.redis, 'store', SCRIPTS);
    this.#keys = options.keys.ofStore(options.tenant);
  }

  /** Reads come before writes; of several puts of one key the last one counts.
   *  @throws InvalidNamespaceError
   *  @throws StoreFull nothing of the puts was stored
   *  @throws AttemptFenced the attempt has lost its thread
   *  @throws ContentUnreadable of an item that was asked for by its key; a search leaves out items that nobody can read any more */
  override async batch<Op extends Operation[]>(operations: Op): Promise<OperationResults<Op>> {
    const puts = new Map<string, PutOperation>();
    const results = await Promise.all(
      operations.map((operation) => {
        if ('namespacePrefix' in operation) return this.#search(operation);
        if ('value' in operation) {
          validateNamespace(operation.namespace, { allowReservedRoot: true });
          puts.set(`${nameOf(operation.namespace)}\0\0${checkedKey(operation.key)}`, operation);
          return undefined;
        }
        return 'key' in operation ? this.#get(operation) : this.#namespaces(operation as ListNamespacesOperation);
      }),
    );
    await this.#put([...puts.values()]);
    return results as OperationResults<Op>;
  }

  /** @returns what the tenant's items take in Redis, bytes */
  async bytes(): Promise<number> {
    return Number((await this.#options.redis.hget(this.#keys[0], 'bytes')) ?? 0);
  }

  /** Deletes everything. */
  async erase(): Promise<void> {
    await this.#options.redis.unlink(...this.#keys);
  }

  async #get({ namespace, key }: GetOperation): Promise<Item | null> {
    const field = `${nameOf(namespace)}\0\0${checkedKey(key)}`;
    const [format, item] = await this.#patiently(() => this.#options.redis.hmgetBuffer(this.#keys[0], 'format', field));
    if (Number(format ?? 1) > THREAD_FORMAT) throw new NewerFormat();
    return item ? this.#open(namespace, key, item) : null;
  }

  async #put(operations: readonly PutOperation[]): Promise<void> {
    const { tenant, maxBytes, lease } = this.#options;
    const sealer = operations.length > 0 ? await this.#patiently(() => this.#cipher.sealerAtHand()) : null;
    for (let start = 0; start < operations.length; start += BATCH) {
      const args = operations.slice(start, start + BATCH).flatMap(({ namespace, key, value }) => {
        const json = value === null ? '' : JSON.stringify(value);
        const item =
          sealer === null || json === '' ? json : sealer.sealBytes(Buffer.from(json), aboutItem(namespace, key));
        return [nameOf(namespace), key, item];
      });
      const bytes = await this.#patiently(() => this.#stored(args));
      if (bytes === -1) throw new AttemptFenced(jobRef(tenant, lease?.jobId ?? ''));
      if (bytes === -3) throw new StoreFull(tenant, maxBytes);
      await this.#patiently(() => countStore(this.#options, bytes));
    }
  }

  /** @returns as the script, but not -2 */
  async #stored(items: readonly (string | Buffer)[]): Promise<number> {
    const { redis, keys, lease, maxBytes, signal, claims } = this.#options;
    signal?.throwIfAborted();
    const claim = claimOf(lease ?? null);
    const [own] = this.#keys;
    const record = lease === undefined ? own : keys.record(lease.ref);
    if (!redis.isCluster && claims === undefined)
      return this.#sent([...this.#keys, record], [claim, '', maxBytes, ...items]);
    if (claim === '') return this.#sent([...this.#keys, own], ['', '', maxBytes, ...items]);
    // no script reaches both slots of a cluster, or two shards: an erasure between two commands ends the epoch
    const epoch = await this.#epoch();
    if ((await (claims ?? redis).hget(record, 'claim')) !== claim) {
      // nothing of it may stay with an erased tenant; whoever writes meanwhile begins another
      await redis.del(this.#keys[2]);
      return -1;
    }
    const bytes = await this.#sent([...this.#keys, own], ['', epoch, maxBytes, ...items]);
    return bytes === -2 ? this.#stored(items) : bytes;
  }

  /** @returns the token of the time until the store is erased, or a minute is over */
  async #epoch(): Promise<string> {
    const begun = randomUUID();
    return (await this.#options.redis.set(this.#keys[2], begun, 'PX', EPOCH_MS, 'NX', 'GET')) ?? begun;
  }

  async #sent(keys: readonly string[], args: readonly (string | number | Buffer)[]): Promise<number> {
    return (await this.#run('put', keys, args)) as number;
  }

  async #search({ namespacePrefix, filter = {}, limit = 10, offset = 0 }: SearchOperation): Promise<SearchItem[]> {
    const found: SearchItem[] = [];
    let toSkip = offset;
    for await (const item of this.#items(namespacePrefix)) {
      if (found.length >= limit) break;
      if (!matchesFilter(item.value, filter)) continue;
      if (toSkip-- > 0) continue;
      found.push(item);
    }
    return found;
  }

  #patiently<Reply>(command: () => Promise<Reply>): Promise<Reply> {
    return patiently(command, this.#options.signal);
  }

  async *#items(namespacePrefix: readonly string[]): AsyncGenerator<Item> {
    const prefix = nameOf(namespacePrefix);
    const beginning = prefix === '' ? '' : `${prefix}\0`;
    for (let after = ''; ; ) {
      const page = (await this.#patiently(() =>
        this.#run.bytes('page', this.#keys.slice(0, 2), [beginning, after, BATCH]),
      )) as readonly Buffer[];
      for (let i = 0; i + 1 < page.length; i += 2) {
        const [name, stored] = [String(page[i]), page[i + 1]];
        after = name;
        const [namespace = '', rest = ''] = split(name, '\0\0');
        const [, key = ''] = split(rest, '\0');
        const item = stored && (await this.#found(namespace.split('\0'), key, stored));
        if (item) yield item;
      }
      if (page.length < 2 * BATCH) return;
    }
  }

  /** @returns null: it was altered, or its key is destroyed */
  async #found(namespace: string[], key: string, stored: Buffer): Promise<Item | null> {
    try {
      return await this.#open(namespace, key, stored);
    } catch (error) {
      // one item must not end every search of its tenant
      if (error instanceof ContentUnreadable && error.reason !== 'unavailable') return null;
      throw error;
    }
  }

  /** @param stored two times of 16 digits (µs), then JSON, or that sealed */
  async #open(namespace: string[], key: string, stored: Buffer): Promise<Item> {
    const json = await this.#patiently(() => this.#cipher.openBytes(stored.subarray(32), aboutItem(namespace, key)));
    const time = (start: number) => new Date(Math.floor(Number(stored.toString('latin1', start, start + 16)) / 1_000));
    return { namespace, key, value: JSON.parse(json.toString('utf8')), createdAt: time(0), updatedAt: time(16) };
  }

  async #namespaces(operation: ListNamespacesOperation): Promise<string[][]> {
    const { matchConditions = [], maxDepth, limit = 100, offset = 0 } = operation;
    const found = new Map<string, string[]>();
    for (let after = ''; ; ) {
      const page = (await this.#patiently(() =>
        this.#run('namespaces', this.#keys.slice(1, 2), [after, BATCH]),
      )) as readonly string[];
      for (const name of page) {
        const labels = name.split('\0');
        if (!matchConditions.every((condition) => matchesNamespace(labels, condition))) continue;
        const cut = labels.slice(0, maxDepth);
        found.set(nameOf(cut), cut);
      }
      after = page.at(-1) ?? '';
      if (page.length < BATCH || found.size >= offset + limit) break;
    }
    return [...found.values()].slice(offset, offset + limit);
  }
}

/** Labels, divided by NUL. @throws InvalidNamespaceError */
function nameOf(namespace: readonly string[]): string {
  validateNamespace([...namespace], { allowEmpty: true, allowReservedRoot: true });
  if (namespace.length > MOST_LABELS) throw new RangeError(`a namespace has at most ${MOST_LABELS} labels`);
  return namespace.join('\0');
}

function checkedKey(key: string): string {
  if (typeof key !== 'string' || key.includes('\0') || key.length > MOST_KEY_CHARACTERS) {
    throw new RangeError(
      `a key of the store must be a string of at most ${MOST_KEY_CHARACTERS} characters without NUL`,
    );
  }
  return key;
}

function aboutItem(namespace: readonly string[], key: string): string {
  return `item\0${namespace.join('\0')}\0\0${key}`;
}

function split(text: string, at: string): [string, string] {
  const border = text.indexOf(at);
  return [text.slice(0, border), text.slice(border + at.length)];
}
