import { setTimeout as delay } from 'node:timers/promises';
import { jobRef, type ThreadRef, tenantOf } from '@millrace/contracts';
import { AttemptFenced, type ContentCipher, PLAIN, type RedisConnection, type StoredBytes } from '@millrace/stream-log';
import { patiently } from '../redis/patiently.ts';
import { type RunScript, scriptsOf } from '../redis/thread-scripts.ts';
import type { ThreadKeys } from '../thread-keys.ts';
import { CheckpointCipher, type CheckpointSealer, placeOf } from './checkpoint-cipher.ts';
import { CheckpointsTooLarge, ClaimUnknown } from './errors.ts';
import type { PieceDigest } from './pieces.ts';
import type { AttemptLease } from './ports.ts';
import { countStore } from './store-bytes.ts';
import { jsonOf, namesIn, type StoredCheckpoint, type StoredWrite, writeBytes } from './stored-checkpoint.ts';

const FRAGMENTS = ['format', 'checkpoints', 'pieces', 'remove-checkpoints', 'prune-checkpoints'] as const;

const SCRIPTS = {
  put: [3, ...FRAGMENTS, 'writes', 'message-jobs'],
  read: [3, ...FRAGMENTS.slice(0, 4)],
  write: [3, 'format', 'checkpoints', 'writes'],
  erase: [3, 'format'],
  pin: [3, 'format', 'checkpoints'],
  adopt: [3, 'format', 'checkpoints', 'message-jobs'],
} as const;

/** After every name, in the order of bytes. */
const LAST = '\u{10ffff}';

/** How long Redis may take to say whose a thread is while a transaction of the database waits for it, milliseconds. */
const CLAIM_WITHIN_MS = 5_000;

/** Names read at a time while a thread's checkpoints are listed. */
const PAGE = 50;

/** Messages whose jobs are copied at a time. */
const MESSAGES_AT_A_TIME = 500;

export interface CheckpointLimits {
  /** checkpoints of a thread that are kept beside those that somebody needs; of each subgraph likewise */
  readonly kept: number;
  /** how long a thread outlives its last change, ms */
  readonly retentionMs: number;
  /** of a thread's checkpoints together, and of one of them once it is read */
  readonly maxBytes: number;
}

export interface CheckpointTableOptions {
  readonly redis: RedisConnection;
  readonly keys: ThreadKeys;
  readonly limits: CheckpointLimits;
  /** counts what tenants have in their stores */
  readonly storedBytes?: Pick<StoredBytes, 'keep'> | undefined;
  /** default: nothing is encrypted */
  readonly cipher?: ContentCipher | undefined;
  /** whether to wait while Redis is away, as a worker does; otherwise its error is passed on at once */
  readonly patient?: boolean;
  /** ends the waiting */
  readonly signal?: AbortSignal | undefined;
}

/** A checkpoint as read, with what is pending at it. */
export interface ReadCheckpoint extends StoredCheckpoint {
  /** whether it was encrypted */
  readonly isSealed: boolean;
  readonly writes: readonly StoredWrite[];
  /** of its values, if they were asked for */
  readonly pieces: ReadonlyMap<string, Buffer>;
}

/** Identifies a checkpoint; without an id: the newest of its namespace. */
export interface CheckpointName {
  readonly namespace: string;
  readonly id?: string | undefined;
}

/** What is stored with a checkpoint. */
interface BesideCheckpoint {
  /** those of its values that Redis may not have yet */
  readonly pieces: ReadonlyMap<string, Buffer>;
  /** what tasks have written at checkpoints before it */
  readonly tasks?: readonly TaskWrites[];
  /** the messages that are new in it */
  readonly messages?: readonly MessageJob[] | undefined;
  /** what the thread keeps outside Redis has grown by this */
  readonly bytesElsewhere?: number | undefined;
}

/** The job that has brought a message of an agent's state. */
export interface MessageJob {
  readonly messageId: string;
  readonly jobId: string;
}

/** What a task has written at a checkpoint. */
export interface TaskWrites {
  readonly at: Required<CheckpointName>;
  readonly taskId: string;
  readonly writes: readonly StoredWrite[];
}

/** The checkpoints in Redis, as bytes: one script for each change. Knows nothing of LangChain's classes. Callers see nothing
 *  encrypted, except that their pieces are named by {@link CheckpointTable.digestFor}.
 *  @see docs/redis.md */
export class CheckpointTable {
  readonly #run: RunScript<keyof typeof SCRIPTS>;
  readonly #options: CheckpointTableOptions;
  /** of an attempt's thread */
  #cipher: CheckpointCipher | null = null;

  constructor(options: CheckpointTableOptions) {
    this.#options = options;
    this.#run = scriptsOf(options.redis, 'checkpoint', SCRIPTS);
  }

  /** The same, for somebody who waits no longer than until the signal aborts: its reason is thrown then. */
  until(signal: AbortSignal | undefined): CheckpointTable {
    return signal === undefined ? this : new CheckpointTable({ ...this.#options, signal });
  }

  /** Stores a checkpoint and makes it the head, in one script. Sent twice, it is stored once.
   *  @param lease the attempt that writes; null: nobody's
   *  @returns names of pieces that are missing: nothing is stored then
   *  @throws AttemptFenced another attempt has claimed the thread, or moved its head
   *  @throws CheckpointsTooLarge
   *  @throws ContentUnreadable its tenant's key cannot be had */
  async put(
    ref: ThreadRef,
    checkpoint: StoredCheckpoint,
    { pieces, tasks = [], messages = [], bytesElsewhere = 0 }: BesideCheckpoint,
    lease: AttemptLease | null,
  ): Promise<readonly string[]> {
    const { kept, retentionMs, maxBytes } = this.#options.limits;
    const { namespace, parentId, rootId, needsAncestors, outline, values } = checkpoint;
    // what repeats itself takes few pieces in Redis, and all of its bytes in whoever reads it (law 16)
    const bytes = values.reduce((sum, value) => sum + value.bytes, 0);
    if (bytes > maxBytes) throw new CheckpointsTooLarge(ref, maxBytes);
    const sealer = await this.#sealerFor(ref);
    const [outcome, ...missing] = (await this.#send('put', ref, [
      ...[claimOf(lease), namespace, outline.id, parentId ?? '', rootId ?? '', needsAncestors ? '1' : ''],
      ...[namesIn(values).join(''), sealer?.record(checkpoint) ?? jsonOf(checkpoint)],
      ...[kept, retentionMs, maxBytes, bytesElsewhere],
      ...[messages.length, tasks.length],
      ...messages.flatMap(({ messageId, jobId }) => [messageId, jobId]),
      ...tasks.flatMap((task) => writtenArgs(task, claimOf(lease), sealer)),
      ...[...pieces].flatMap(([name, piece]) => [name, sealer?.piece(name, piece) ?? piece]),
    ])) as [number, ...string[]];
    this.#check(outcome, ref, lease);
    return missing;
  }

  /** Looks whether an attempt may store a checkpoint after this parent, before it stores the values elsewhere.
   *  @throws AttemptFenced it may not; it may have been fenced since where this does not throw */
  async check(ref: ThreadRef, parent: CheckpointName, lease: AttemptLease | null): Promise<void> {
    if (lease === null) return;
    const record = this.#options.keys.record(ref);
    const [claim, head] = await this.#patiently(() => this.#options.redis.hmget(record, 'claim', 'head'));
    const isOld = parent.namespace === '' && (head ?? '') !== (parent.id ?? '');
    this.#check(claim !== claimOf(lease) || isOld ? -1 : 1, ref, lease);
  }

  /** Looks whether an attempt has its thread still. Does not wait while Redis is away.
   *  @throws AttemptFenced it has not
   *  @throws ClaimUnknown Redis does not answer */
  async requireClaim(lease: AttemptLease): Promise<void> {
    const answered = new AbortController();
    const late = delay(CLAIM_WITHIN_MS, null, { signal: answered.signal }).then(
      () => Promise.reject(new ClaimUnknown(null)),
      () => null,
    );
    const asked = this.#options.redis.hget(this.#options.keys.record(lease.ref), 'claim').catch((error: unknown) => {
      throw new ClaimUnknown(error);
    });
    try {
      const claim = await Promise.race([asked, late]);
      this.#check(claim === claimOf(lease) ? 1 : -1, lease.ref, lease);
    } finally {
      answered.abort();
    }
  }

  /** Stores what a task has written at a checkpoint, in one script.
   *  @throws AttemptFenced another attempt has claimed the thread
   *  @throws CheckpointsTooLarge
   *  @throws ContentUnreadable its tenant's key cannot be had */
  async write(ref: ThreadRef, task: TaskWrites, lease: AttemptLease | null): Promise<void> {
    const { retentionMs, maxBytes } = this.#options.limits;
    const written = writtenArgs(task, claimOf(lease), await this.#sealerFor(ref));
    const outcome = await this.#send('write', ref, [claimOf(lease), retentionMs, maxBytes, ...written]);
    this.#check(outcome, ref, lease);
  }

  /** @param withValues whether to read the pieces of its values too
   *  @returns null: no such checkpoint
   *  @throws ContentUnreadable */
  async read(ref: ThreadRef, at: CheckpointName, withValues = true): Promise<ReadCheckpoint | null> {
    const keys = this.#options.keys.ofCheckpoints(ref);
    const args = [at.namespace, at.id ?? '', withValues ? '1' : ''];
    const reply = (await this.#patiently(() => this.#run.bytes('read', keys, args))) as
      | [id: Buffer, record: Buffer, writes: Buffer[], pieces: Buffer[]]
      | null;
    if (!reply) return null;
    const [, record, writes, pieces] = reply;
    const id = reply[0].toString('utf8');
    const cipher = this.#cipherOf(ref);
    const place = placeOf(at.namespace, id);
    return this.#patiently(async () => ({
      ...(await cipher.openRecord(at.namespace, id, record)),
      writes: await Promise.all(pairs(writes).map(([name, write]) => cipher.openWrite(place, name, write))),
      pieces: await cipher.openPieces(pairs(pieces)),
    }));
  }

  /** @returns what names the pieces of a thread's values; undefined: as if nothing is encrypted */
  async digestFor(ref: ThreadRef): Promise<PieceDigest | undefined> {
    return this.#patiently(() => this.#cipherOf(ref).digest());
  }

  /** Names checkpoints of a thread, newest first within a namespace.
   *  @param namespace undefined: of all namespaces
   *  @param before only those with a smaller id */
  async *names(ref: ThreadRef, namespace?: string, before?: string): AsyncGenerator<Required<CheckpointName>> {
    const index = this.#options.keys.checkpointIndex(ref);
    const beginning = namespace === undefined ? 'c\0' : `c\0${namespace}\0`;
    let high = namespace !== undefined && before !== undefined ? `(${beginning}${before}` : `(${beginning}${LAST}`;
    for (;;) {
      const page = await this.#patiently(() =>
        this.#options.redis.zrevrangebylex(index, high, `[${beginning}`, 'LIMIT', 0, PAGE),
      );
      for (const member of page) {
        const [, space = '', id = ''] = member.split('\0');
        if (before === undefined || id < before) yield { namespace: space, id };
      }
      if (page.length < PAGE) return;
      high = `(${page.at(-1)}`;
    }
  }

  /** The checkpoints of subgraphs that belong to one of the root graph. */
  async partsOf(ref: ThreadRef, root: string): Promise<readonly Required<CheckpointName>[]> {
    const beginning = `s\0${root}\0`;
    const index = this.#options.keys.checkpointIndex(ref);
    const members = await this.#patiently(() =>
      this.#options.redis.zrangebylex(index, `[${beginning}`, `(${beginning}${LAST}`),
    );
    return members.map((member) => {
      const [namespace = '', id = ''] = member.slice(beginning.length).split('\0');
      return { namespace, id };
    });
  }

  /** The namespaces that have checkpoints. */
  async namespaces(ref: ThreadRef): Promise<readonly string[]> {
    const index = this.#options.keys.checkpointIndex(ref);
    const found: string[] = [];
    for (let low = '[c\0'; ; ) {
      const from = low;
      const [member] = await this.#patiently(() =>
        this.#options.redis.zrangebylex(index, from, `(c\0${LAST}`, 'LIMIT', 0, 1),
      );
      if (member === undefined) return found;
      const [, namespace = ''] = member.split('\0');
      found.push(namespace);
      low = `(c\0${namespace}\0${LAST}`;
    }
  }

  /** Every thread that has checkpoints, by a scan of all keys: for maintenance and tests. */
  async *threads(): AsyncGenerator<ThreadRef> {
    const { redis, keys } = this.#options;
    for (const node of 'nodes' in redis ? redis.nodes('master') : [redis]) {
      for await (const page of node.scanStream({ match: keys.everyCheckpointIndex, count: 1_000 })) {
        for (const key of page as string[]) yield keys.threadOf(key);
      }
    }
  }

  /** Forgets all checkpoints of a thread. */
  async erase(ref: ThreadRef): Promise<void> {
    await this.#send('erase', ref, []);
  }

  /** Deletes the store of a tenant, which has its keys beside. */
  async eraseStore(tenant: string): Promise<void> {
    await this.#options.redis.unlink(...this.#options.keys.ofStore(tenant));
    await countStore({ ...this.#options, tenant }, 0);
  }

  /** Keeps a checkpoint from being pruned for a time.
   *  @returns the id; null: no such checkpoint */
  async pin(ref: ThreadRef, id: string | undefined, forMs: number): Promise<string | null> {
    return (await this.#send('pin', ref, [id ?? '', forMs])) as string | null;
  }

  /** @returns by id of a message the job that has brought it, where that is known */
  async jobsOfMessages(ref: ThreadRef, messageIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const known = new Map<string, string>();
    if (messageIds.length === 0) return known;
    const fields = messageIds.map((id) => `m\0${id}`);
    const key = this.#options.keys.checkpoints(ref);
    const stored = await this.#patiently(() => this.#options.redis.hmget(key, ...fields));
    for (const [place, id] of messageIds.entries()) {
      const [job] = stored[place]?.split('\n', 1) ?? [];
      if (job !== undefined) known.set(id, job);
    }
    return known;
  }

  /** Lets a thread that gets a copy of a checkpoint know which jobs have brought its messages.
   *  @param id of the checkpoint */
  async copyMessageJobs(from: ThreadRef, to: ThreadRef, id: string, target: CheckpointTable = this): Promise<void> {
    const index = this.#options.keys.checkpointIndex(from);
    const high = `(m\0${id}${LAST}`;
    for (let low = '[m\0'; ; ) {
      const after = low;
      const members = await this.#patiently(() =>
        this.#options.redis.zrangebylex(index, after, high, 'LIMIT', 0, MESSAGES_AT_A_TIME),
      );
      const messages = members.map((member) => {
        const border = member.indexOf('\0', 2);
        return { checkpointId: member.slice(2, border), messageId: member.slice(border + 1) };
      });
      const jobs = await this.jobsOfMessages(
        from,
        messages.map(({ messageId }) => messageId),
      );
      const adopted = messages.flatMap(({ checkpointId, messageId }) => {
        const jobId = jobs.get(messageId);
        return jobId === undefined ? [] : [checkpointId, messageId, jobId];
      });
      if (adopted.length > 0) await target.#send('adopt', to, [this.#options.limits.retentionMs, ...adopted]);
      if (members.length < MESSAGES_AT_A_TIME) return;
      low = `(${members.at(-1)}`;
    }
  }

  #cipherOf(ref: ThreadRef): CheckpointCipher {
    const { cipher = PLAIN, signal } = this.#options;
    // keys that an erased tenant had must not stay in memory: what an attempt has goes with it
    if (signal === undefined) return new CheckpointCipher(cipher, ref);
    if (this.#cipher?.ref !== ref) this.#cipher = new CheckpointCipher(cipher, ref);
    return this.#cipher;
  }

  #sealerFor(ref: ThreadRef): Promise<CheckpointSealer | null> {
    return this.#patiently(() => this.#cipherOf(ref).sealer());
  }

  #check(outcome: unknown, ref: ThreadRef, lease: AttemptLease | null): void {
    if (outcome === -1) throw new AttemptFenced(jobRef(tenantOf(ref), lease?.jobId ?? ''));
    if (outcome === -3) throw new CheckpointsTooLarge(ref, this.#options.limits.maxBytes);
  }

  #send(name: keyof typeof SCRIPTS, ref: ThreadRef, args: readonly (string | number | Buffer)[]): Promise<unknown> {
    return this.#patiently(() => this.#run(name, this.#options.keys.ofCheckpoints(ref), args));
  }

  #patiently<Reply>(command: () => Promise<Reply>): Promise<Reply> {
    return this.#options.patient ? patiently(command, this.#options.signal) : command();
  }
}

/** What `Threads.claim` stores, so that a script can compare it; '' for nobody. */
export function claimOf(lease: Pick<AttemptLease, 'jobId' | 'attempt' | 'leaseToken'> | null): string {
  return lease === null ? '' : `${lease.jobId}:${lease.attempt}:${lease.leaseToken}`;
}

/** As `lua/shared/writes.lua` reads it. */
function writtenArgs(
  { at, taskId, writes }: TaskWrites,
  claim: string,
  sealer: CheckpointSealer | null,
): (string | number | Buffer)[] {
  const place = placeOf(at.namespace, at.id ?? '');
  const written = writes.flatMap((write) => [
    write.number,
    sealer?.write(place, { ...write, taskId }, claim) ?? writeBytes(write),
  ]);
  return [at.namespace, at.id ?? '', taskId, writes.length, ...written];
}

function pairs(flat: readonly Buffer[]): [string, Buffer][] {
  const all: [string, Buffer][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const [name, value] = [flat[i], flat[i + 1]];
    if (name && value) all.push([name.toString('utf8'), value]);
  }
  return all;
}
