import {
  BaseCheckpointSaver,
  type ChannelVersions,
  type Checkpoint,
  type CheckpointListOptions,
  type CheckpointMetadata,
  type CheckpointPendingWrite,
  type CheckpointTuple,
  compareWritesSortKeys,
  getCheckpointId,
  maxChannelVersion,
  type PendingWrite,
  RESUME,
  TASKS,
  WRITES_IDX_MAP,
  writesSortKey,
} from '@langchain/langgraph-checkpoint';
import type { ThreadRef } from '@millrace/contracts';
import {
  type CheckpointName,
  type CheckpointTable,
  claimOf,
  type ReadCheckpoint,
  type TaskWrites,
} from './checkpoint-table.ts';
import { CheckpointLost } from './errors.ts';
import { originIn } from './head.ts';
import { HeldWrites } from './held-writes.ts';
import { NewMessages } from './new-messages.ts';
import type { AttemptLease, AttemptLog } from './ports.ts';
import { type Config, configOf, nameOf, namespaceOf, ofThread } from './saver-config.ts';
import {
  bytesOf,
  namesIn,
  type StoredCheckpoint,
  type StoredValue,
  type StoredWrite,
  storedValue,
  type TypedBytes,
} from './stored-checkpoint.ts';
import { countedWrite, earlierAnswers, isOfEarlierAttempt } from './void-writes.ts';

/** Checkpoints whose values a saver need not read again to store the next one. */
const REMEMBERED = 64;

/** Stands in Redis for a value that is kept elsewhere. */
const ELSEWHERE: TypedBytes = ['elsewhere', new Uint8Array()];

/** Pieces that a saver need not send again; a wrong guess costs one round trip. */
const REMEMBERED_PIECES = 100_000;

/** A saver bound to one attempt: what it may write, and what its log must hold first. */
export interface SaverAttempt {
  readonly lease: AttemptLease;
  readonly log: AttemptLog;
}

/** LangGraph's checkpointer on plain Redis. A checkpoint is stored whole by one script, with as much of its values as Redis
 *  does not have yet. With an attempt it serves the thread of that attempt alone, and stops writing once another attempt has
 *  claimed the thread.
 *  @see docs/adr/0033-checkpoints-in-plain-redis.md */
export class RedisSaver extends BaseCheckpointSaver {
  readonly #table: CheckpointTable;
  readonly #attempt: SaverAttempt | null;
  readonly #contentSaver: BaseCheckpointSaver | null;
  /** by namespace and id, oldest first */
  readonly #remembered = new Map<string, StoredCheckpoint>();
  readonly #stored = new Set<string>();
  readonly #held = new HeldWrites();
  readonly #newMessages: NewMessages | null;
  /** whether Redis has nothing of the thread */
  #isEmpty: boolean;

  /** stored by the saver of the values since the last put */
  #bytesElsewhere = 0;

  /** per task, as read: a task's id belongs to one checkpoint */
  readonly #earlierAnswers = new Map<string, number>();

  /** @param content where the values of checkpoints and writes are; null: in Redis, too. Redis then says which of its checkpoints
   *  count: one that Redis does not know is not there. */
  constructor(table: CheckpointTable, attempt: SaverAttempt | null = null, content: BaseCheckpointSaver | null = null) {
    super();
    this.#table = table;
    this.#attempt = attempt;
    this.#contentSaver = content;
    this.#newMessages = attempt && new NewMessages(attempt.lease.jobId);
    this.#isEmpty = attempt?.lease.isNew ?? false;
  }

  /** writes and reads with the serializer that this saver has by then: an agent brings its own */
  get #content(): BaseCheckpointSaver | null {
    const { serde } = this;
    if (this.#contentSaver !== null) {
      this.#contentSaver.serde = {
        dumpsTyped: async (value) => {
          const typed = await serde.dumpsTyped(value);
          this.#bytesElsewhere += typed[1].length;
          return typed;
        },
        loadsTyped: (type, bytes) => serde.loadsTyped(type, bytes),
      };
    }
    return this.#contentSaver;
  }

  override getNextVersion(current: number | undefined): number {
    return this.#content === null ? super.getNextVersion(current) : this.#content.getNextVersion(current);
  }

  override async getTuple(config: Config): Promise<CheckpointTuple | undefined> {
    const ref = ofThread(config, this.#attempt?.lease.ref);
    if (ref === undefined || this.#isEmpty) return undefined;
    await this.#storeHeld(ref);
    const name = nameOf(config);
    const found = await this.#table.read(ref, name);
    if (found === null) return undefined;
    const valid = name.id === undefined ? await this.#lastValid(ref, found, rootOf(config)) : found;
    if (valid === null) return undefined;
    const tuple = await this.#tuple(ref, valid);
    if (valid.namespace === '') this.#newMessages?.read(tuple, valid.writes);
    return tuple;
  }

  override async *list(config: Config, options: CheckpointListOptions = {}): AsyncGenerator<CheckpointTuple> {
    const ref = ofThread(config, this.#attempt?.lease.ref);
    if (ref !== undefined) await this.#storeHeld(ref);
    const refs = ref === undefined ? this.#table.threads() : [ref];
    const only = getCheckpointId(config);
    const before = options.before && getCheckpointId(options.before);
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    for await (const each of refs) {
      for await (const name of this.#table.names(each, namespaceOf(config), before || undefined)) {
        if (left <= 0) return;
        if (only !== '' && name.id !== only) continue;
        const found = await this.#table.read(each, name);
        if (found === null || !matches(found, options.filter)) continue;
        left--;
        yield await this.#tuple(each, found);
      }
    }
  }

  override async put(
    config: Config,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    newVersions: ChannelVersions,
  ): Promise<Config> {
    const ref = mustHave(ofThread(config, this.#attempt?.lease.ref), 'thread_id');
    this.#isEmpty = false;
    const { namespace, id: parentId } = nameOf(config);
    // before anything is awaited: what the next step writes belongs to the next checkpoint
    if (namespace === '') this.#newMessages?.put(checkpoint.channel_values, newVersions);
    const seq = await this.#attempt?.log.flushed({ namespace, source: metadata.source });
    const origin = this.#attempt && originOf(this.#attempt.lease, seq);
    const told = origin ? { ...metadata, millrace: origin } : metadata;
    const { channel_values, ...outline } = checkpoint;
    if (this.#content !== null) {
      await this.#table.check(ref, { namespace, id: parentId }, this.#attempt?.lease ?? null);
      await this.#content.put(configOf(ref, { namespace, id: parentId }), checkpoint, told, newVersions);
    }
    const parent = parentId === undefined ? null : await this.#recall(ref, { namespace, id: parentId });
    const stored = async (reuse: boolean, pieces: Map<string, Buffer>): Promise<StoredCheckpoint> => ({
      ...{ namespace, outline, parentId: parentId ?? null },
      rootId: namespace === '' ? null : (rootOf(config, metadata) ?? null),
      needsAncestors: needsAncestors(metadata, channel_values),
      metadata: await this.#json(told),
      values: await this.#values(
        { ref, checkpoint, newVersions, parent, reuse, isFirst: parentId === undefined },
        pieces,
      ),
    });
    await this.#store(ref, stored);
    if (namespace === '') this.#held.stepEnds(checkpoint.id);
    return configOf(ref, { namespace, id: checkpoint.id });
  }

  override async putWrites(config: Config, writes: PendingWrite[], taskId: string, taskPath = ''): Promise<void> {
    const ref = mustHave(ofThread(config, this.#attempt?.lease.ref), 'thread_id');
    this.#isEmpty = false;
    const { namespace, id } = nameOf(config);
    const at = { namespace, id: mustHave(id, 'checkpoint_id') };
    if (writes.length === 0) return;
    if (namespace === '') this.#newMessages?.write(writes);
    if (writes.some(([channel]) => (WRITES_IDX_MAP[channel] ?? 0) < 0)) this.#held.stepBreaksOff(at.id);
    const written = this.#written(at, writes, taskId, taskPath);
    this.#held.add(written);
    if (this.#attempt !== null && this.#content === null && this.#held.canWait) await written;
    else await this.#storeHeld(ref);
    await this.#content?.putWrites(configOf(ref, at), writes, taskId, taskPath);
  }

  override async deleteThread(threadId: string): Promise<void> {
    const ref = mustHave(ofThread({ configurable: { thread_id: threadId } }, this.#attempt?.lease.ref), 'thread_id');
    this.#remembered.clear();
    await this.#table.erase(ref);
    await this.#content?.deleteThread(ref);
  }

  /** A step that runs again begins anew, with all of its subgraphs: the log does not say again what they said in it.
   *  @param head of the root graph, where the step begins */
  async #lastValid(ref: ThreadRef, newest: ReadCheckpoint, head: string | undefined): Promise<ReadCheckpoint | null> {
    const own = this.#attempt?.lease;
    let found: ReadCheckpoint | null = newest;
    while (own && found && found.namespace !== '' && found.rootId === head) {
      const origin = originIn(JSON.parse(found.metadata));
      if (!isOfEarlierAttempt(origin, own)) return found;
      const { namespace, parentId }: ReadCheckpoint = found;
      found = parentId === null ? null : await this.#table.read(ref, { namespace, id: parentId });
    }
    return found;
  }

  async #written(
    at: TaskWrites['at'],
    writes: readonly PendingWrite[],
    taskId: string,
    path: string,
  ): Promise<TaskWrites> {
    const claim = claimOf(this.#attempt?.lease ?? null);
    const stored = writes.map(
      async ([channel, value], place): Promise<StoredWrite> => ({
        ...{ taskId, path, claim, channel },
        earlierAnswers: (channel === RESUME && this.#earlierAnswers.get(taskId)) || 0,
        number: WRITES_IDX_MAP[channel] ?? place,
        value: this.#content === null ? await this.serde.dumpsTyped(value) : ELSEWHERE,
      }),
    );
    return { at, taskId, writes: await Promise.all(stored) };
  }

  async #storeHeld(ref: ThreadRef): Promise<void> {
    if (this.#held.isEmpty) return;
    const tasks = await this.#held.take();
    await Promise.all(tasks.map((task) => this.#table.write(ref, task, this.#attempt?.lease ?? null)));
  }

  /** Sends what Redis may lack, then what it says is missing. */
  async #store(
    ref: ThreadRef,
    stored: (reuse: boolean, pieces: Map<string, Buffer>) => Promise<StoredCheckpoint>,
  ): Promise<void> {
    const lease = this.#attempt?.lease ?? null;
    const pieces = new Map<string, Buffer>();
    let checkpoint = await stored(true, pieces);
    const tasks = await this.#held.take();
    const toSend = new Map([...pieces].filter(([name]) => !this.#stored.has(name)));
    const bytesElsewhere = this.#bytesElsewhere;
    this.#bytesElsewhere = 0;
    const messages = checkpoint.namespace === '' ? this.#newMessages?.take() : [];
    const beside = { tasks, messages, bytesElsewhere };
    let missing = await this.#table.put(ref, checkpoint, { pieces: toSend, ...beside }, lease);
    if (missing.length > 0) {
      // pruned or erased meanwhile: everything again
      pieces.clear();
      checkpoint = await stored(false, pieces);
      missing = await this.#table.put(ref, checkpoint, { pieces, ...beside }, lease);
      if (missing.length > 0) throw new Error('a checkpoint refers to a piece that it does not have');
    }
    this.#remember(checkpoint, pieces.keys());
  }

  /** The channels' values: those that have changed since the parent as bytes, the others as the parent has them. */
  async #values(
    {
      ref,
      checkpoint,
      newVersions,
      parent,
      reuse,
      isFirst,
    }: {
      ref: ThreadRef;
      checkpoint: Checkpoint;
      newVersions: ChannelVersions;
      parent: StoredCheckpoint | null;
      reuse: boolean;
      isFirst: boolean;
    },
    pieces: Map<string, Buffer>,
  ): Promise<StoredValue[]> {
    const ofParent = new Map(parent?.values.map((value) => [value.channel, value]));
    const values: StoredValue[] = [];
    if (this.#content !== null) return values;
    const digest = await this.#table.digestFor(ref);
    for (const [channel, value] of Object.entries(checkpoint.channel_values)) {
      const isNew = Object.hasOwn(newVersions, channel);
      // LangGraph's savers keep of a first checkpoint only what `newVersions` names
      if (isFirst && !isNew) continue;
      const same =
        !isNew && reuse && parent?.outline.channel_versions[channel] === checkpoint.channel_versions[channel]
          ? ofParent.get(channel)
          : undefined;
      values.push(same ?? storedValue(channel, await this.serde.dumpsTyped(value), pieces, digest));
    }
    return values;
  }

  /** @returns the checkpoint without its values, from memory where possible */
  async #recall(ref: ThreadRef, name: Required<CheckpointName>): Promise<StoredCheckpoint | null> {
    const remembered = this.#attempt && this.#remembered.get(`${name.namespace}\0${name.id}`);
    return remembered ?? (await this.#table.read(ref, name, false));
  }

  #remember(checkpoint: StoredCheckpoint, pieces: Iterable<string>): void {
    // a saver without an attempt serves many threads
    if (this.#attempt === null) return;
    this.#remembered.set(`${checkpoint.namespace}\0${checkpoint.outline.id}`, checkpoint);
    if (this.#remembered.size > REMEMBERED) {
      const [oldest] = this.#remembered.keys();
      if (oldest !== undefined) this.#remembered.delete(oldest);
    }
    if (this.#stored.size > REMEMBERED_PIECES) this.#stored.clear();
    for (const name of pieces) this.#stored.add(name);
    for (const name of namesIn(checkpoint.values)) this.#stored.add(name);
  }

  async #tuple(ref: ThreadRef, found: ReadCheckpoint): Promise<CheckpointTuple> {
    if (this.#content !== null) return this.#tupleOf(this.#content, ref, found);
    this.#remember(found, found.pieces.keys());
    const { namespace, outline, parentId } = found;
    const values = await Promise.all(
      found.values.map(async (value) => {
        const typed = bytesOf(value, found.pieces);
        if (typed === undefined) throw new CheckpointLost(value.channel);
        return [value.channel, await this.serde.loadsTyped(...typed)] as const;
      }),
    );
    const checkpoint: Checkpoint = { ...outline, channel_values: Object.fromEntries(values) };
    if (checkpoint.v < 4 && parentId !== null) {
      await this.#moveSends(checkpoint, await this.#table.read(ref, { namespace, id: parentId }, false));
    }
    return {
      config: configOf(ref, { namespace, id: outline.id }),
      checkpoint,
      metadata: await this.serde.loadsTyped('json', found.metadata),
      pendingWrites: await this.#pending(found.writes),
      ...(parentId === null ? {} : { parentConfig: configOf(ref, { namespace, id: parentId }) }),
    };
  }

  /** A checkpoint whose values are elsewhere, with those writes that count, in their order. */
  async #tupleOf(content: BaseCheckpointSaver, ref: ThreadRef, found: ReadCheckpoint): Promise<CheckpointTuple> {
    const { namespace, outline, parentId } = found;
    const config = configOf(ref, { namespace, id: outline.id });
    const tuple = await content.getTuple(config);
    if (tuple === undefined) throw new CheckpointLost(outline.id);
    const keyOf = (taskId: string, channel: string) => `${taskId}\0${channel}`;
    const values = Map.groupBy(tuple.pendingWrites ?? [], ([taskId, channel]) => keyOf(taskId, channel));
    const counted = inOrder(found.writes).flatMap((write) => {
      const value = values.get(keyOf(write.taskId, write.channel))?.shift();
      return value === undefined ? [] : this.#counted(write, value);
    });
    const parent = parentId === null ? {} : { parentConfig: configOf(ref, { namespace, id: parentId }) };
    const metadata = await this.serde.loadsTyped('json', found.metadata);
    return { config, checkpoint: tuple.checkpoint, metadata, pendingWrites: counted, ...parent };
  }

  #counted(write: StoredWrite, pending: CheckpointPendingWrite): CheckpointPendingWrite[] {
    const lease = this.#attempt?.lease ?? null;
    if (lease !== null && write.channel === RESUME) {
      this.#earlierAnswers.set(write.taskId, earlierAnswers(write, pending[2], lease.jobId));
    }
    const counted = countedWrite(write, pending, lease);
    return counted === null ? [] : [counted];
  }

  async #pending(writes: readonly StoredWrite[]): Promise<CheckpointPendingWrite[]> {
    const counted = inOrder(writes).map(async (write) =>
      this.#counted(write, [write.taskId, write.channel, await this.serde.loadsTyped(...write.value)]),
    );
    return (await Promise.all(counted)).flat();
  }

  /** Before format 4, what a step sent to tasks was among the writes of its parent. */
  async #moveSends(checkpoint: Checkpoint, parent: ReadCheckpoint | null): Promise<void> {
    const sends = await this.#pending(parent?.writes.filter(({ channel }) => channel === TASKS) ?? []);
    const versions = Object.values(checkpoint.channel_versions);
    checkpoint.channel_values[TASKS] = sends.map(([, , value]) => value);
    checkpoint.channel_versions[TASKS] =
      versions.length > 0 ? maxChannelVersion(...versions) : this.getNextVersion(undefined);
  }

  async #json(value: unknown): Promise<string> {
    const [, bytes] = await this.serde.dumpsTyped(value);
    return Buffer.from(bytes).toString('utf8');
  }
}

function originOf({ jobId: job, attempt, pipeline }: AttemptLease, seq: number | undefined) {
  return { job, attempt, seq, ...(pipeline === undefined ? {} : { pipeline }) };
}

/** The order in which a running graph applies them. */
function inOrder(writes: readonly StoredWrite[]): StoredWrite[] {
  const keyed = writes.map((write) => ({ write, key: writesSortKey(write.path, write.taskId, write.number) }));
  keyed.sort((a, b) => compareWritesSortKeys(a.key, b.key));
  return keyed.map(({ write }) => write);
}

function mustHave<T>(value: T | undefined, field: string): T {
  if (value !== undefined) return value;
  throw new Error(`LangGraph's checkpointer needs "${field}" in the config's "configurable"`);
}

/** LangGraph puts it into the config while a subgraph runs, and into the metadata. */
function rootOf(config: Config, metadata?: CheckpointMetadata): string | undefined {
  const map: Record<string, string> = config.configurable?.['checkpoint_map'] ?? metadata?.parents ?? {};
  return map[''];
}

function needsAncestors(metadata: CheckpointMetadata, values: Checkpoint['channel_values']): boolean {
  return Object.keys(metadata.counters_since_delta_snapshot ?? {}).some((channel) => !Object.hasOwn(values, channel));
}

function matches({ metadata }: StoredCheckpoint, filter: Record<string, unknown> | undefined): boolean {
  if (filter === undefined) return true;
  const actual: Record<string, unknown> = JSON.parse(metadata);
  return Object.entries(filter).every(([key, value]) => JSON.stringify(actual[key]) === JSON.stringify(value));
}
