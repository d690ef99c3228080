import { randomUUID } from 'node:crypto';
import { type Interrupt, type Message, newRequestId, type SaidMessage, type ThreadRef } from '@millrace/contracts';
import {
  type ContentCipher,
  namedReply,
  PLAIN,
  publishCommand,
  type RedisConnection,
  type StoredBytes,
} from '@millrace/stream-log';
import type { AttemptLease } from './checkpoints/ports.ts';
import { ThreadBeingMade, TooMuchMetadata } from './errors.ts';
import { ExpiredThreads } from './expired-threads.ts';
import { type RunScript, scriptsOf } from './redis/thread-scripts.ts';
import { ThreadBytes, type ThreadSize } from './thread-bytes.ts';
import { cipherOf, METADATA, QUESTIONS } from './thread-content.ts';
import { type Fork, type Forked, ThreadForks } from './thread-forks.ts';
import type { ThreadKeys } from './thread-keys.ts';
import {
  type MessagePage,
  MessageReader,
  parseMessages,
  sealedMessages,
  storedMessages,
  type ThreadMessage,
} from './thread-messages.ts';
import { storedQuestions } from './thread-questions.ts';
import { openThread, RECORD_FIELDS, type ThreadRecord } from './thread-record.ts';

export interface ThreadLimits {
  /** how long a thread lives after its last change, milliseconds */
  readonly retentionMs: number;
  /** of the messages of pipelines that are not agents; a job that would add more is refused. Default: no limit */
  readonly maxConversationBytes?: number;
  /** how long the id of a copy is held for a fork that was cut short, milliseconds; default: 10,000 */
  readonly forkLeaseMs?: number;
}

const UNDOING = [
  'format',
  'thread',
  'checkpoints',
  'pieces',
  'remove-checkpoints',
  'message-jobs',
  'undo-checkpoints',
  'rewind',
] as const;
/** Each change of a thread is one script. How many keys: see {@link ThreadKeys.ofThread}. */
const OF_THREAD = {
  create: [9, 'format', 'thread'],
  describe: [9, 'format', 'thread'],
  expect: [9, 'format', 'thread'],
  enter: [9, 'format', 'thread'],
  claim: [9, ...UNDOING],
  leave: [9, ...UNDOING],
  rewind: [9, ...UNDOING],
  'announce-erasure': [9, 'format', 'thread'],
  erase: [9, 'format', 'thread'],
} as const;
const OF_CATALOGUE = { register: [5] } as const;

/** Longer than a job is in a thread, or expected there, milliseconds. */
const MAX_OPEN_MS = 30 * 86_400_000;

/** Keys of a thread's metadata. */
const MAX_METADATA_KEYS = 16;

export interface Entry {
  readonly ref: ThreadRef;
  readonly jobId: string;
  /** when another job has the turn: wait, be refused, or go first once that one is cancelled and kept, or undone */
  readonly onBusy: 'enqueue' | 'reject' | 'interrupt' | 'rollback';
  /** `resume`: answers the thread's questions */
  readonly kind: 'message' | 'resume';
  /** the thread is the job's own ({@link privateThread}) and goes with it */
  readonly isPrivate?: boolean;
  /** the job was announced by {@link Threads.expect}: a thread that was erased since is not made again */
  readonly wasExpected?: boolean;
  /** a job of this id has left the thread, and is gone: this is another one */
  readonly isAnew?: boolean;
  /** of a `resume`: the digest of the questions that it answers; left out: whichever are open */
  readonly answers?: string | undefined;
  /** the job after which it comes: the last one of the thread, whether that has ended or not; left out: whichever is last */
  readonly continues?: string | undefined;
}

export type Entered =
  /** the job has the turn: it is to be queued */
  | { readonly kind: 'run' }
  /** its turn comes: must not be queued before `leave` names it */
  | { readonly kind: 'wait' }
  /** its turn comes next: cancel that job, whose `leave` names this one */
  | { readonly kind: 'cancel-first'; readonly jobId: string }
  /** refused: another job has the turn */
  | { readonly kind: 'busy' }
  /** refused: the thread asks nothing, or not these questions any more */
  | { readonly kind: 'not-interrupted' }
  /** refused: the job that it continues is not the last one any more */
  | { readonly kind: 'moved-on' }
  /** refused: nothing to resume */
  | { readonly kind: 'unknown-thread' }
  /** the job has left the thread already, or the thread that expected it is gone */
  | { readonly kind: 'over' };

export type Claimed =
  | {
      readonly kind: 'claimed';
      /** id of the checkpoint that the thread stands at */
      readonly head: string | null;
    }
  /** the thread is gone, another job has the turn, or a newer attempt has claimed it: there is nothing to do */
  | { readonly kind: 'not-active' }
  /** with what the job asks, the conversation would be larger than it may */
  | { readonly kind: 'too-large' };

/** What the first claim of a job does to the thread before the job begins. */
export interface FirstClaim {
  /** how many of the messages before it to keep; all if left out */
  readonly keptMessages?: number;
  /** the job whose checkpoints are undone, if it was the last to end */
  readonly undoes?: string | undefined;
}

export interface Ending {
  readonly ref: ThreadRef;
  readonly jobId: string;
  /** `interrupted`: completed with questions */
  readonly status: 'completed' | 'failed' | 'cancelled' | 'interrupted';
  /** what it said, for the memory of pipelines that are not agents */
  readonly said?: readonly SaidMessage[];
  readonly interrupts?: readonly Interrupt[];
  /** the pipeline of the job, which is the one to answer */
  readonly pipeline?: string | undefined;
}

export interface Left {
  /** `undone`: head, checkpoints and messages are as they were before the job.
   *  `erased`: it was the job's private thread. `over`: it had left before, or never entered. `missing`: no such thread */
  readonly outcome: 'left' | 'undone' | 'erased' | 'over' | 'missing';
  /** the job that has the turn and no attempt yet: to be queued, under its id, so that twice does no harm */
  readonly next: string | null;
}

/** The threads of a deployment: which job of each has the turn, which wait, and what the thread keeps. Every method that
 *  changes something is one script, and may be sent twice.
 *
 *  Law 17: one job has the turn. It is given by `enter` or by the `leave` of the one before, and given up by its own `leave`
 *  alone, however often that is called and by whom.
 *  @see docs/adr/0032-a-thread-decides-who-is-next.md */
export class Threads {
  readonly #run: RunScript<keyof typeof OF_THREAD>;
  readonly #catalogue: RunScript<keyof typeof OF_CATALOGUE>;
  readonly #messages: MessageReader;
  readonly #forks: ThreadForks;
  readonly #bytes: ThreadBytes;
  readonly #expired: ExpiredThreads;
  readonly #hintsLastMs: number;
  readonly #publish: string;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: ThreadKeys,
    storedBytes: Pick<StoredBytes, 'keep'>,
    readonly limits: ThreadLimits,
    readonly cipher: ContentCipher = PLAIN,
  ) {
    this.#run = scriptsOf(redis, 'thread', OF_THREAD);
    this.#catalogue = scriptsOf(redis, 'catalogue', OF_CATALOGUE);
    this.#messages = new MessageReader(redis, keys, cipher);
    this.#forks = new ThreadForks(redis, keys, this.#messages, limits.retentionMs, limits.forkLeaseMs);
    // a hint must outlive its thread, whose retention begins when its jobs have left
    this.#hintsLastMs = limits.retentionMs + MAX_OPEN_MS;
    this.#bytes = new ThreadBytes(redis, keys, storedBytes, this.#hintsLastMs);
    this.#expired = new ExpiredThreads(redis, keys, this.#bytes, limits.retentionMs);
    this.#publish = publishCommand(redis);
  }

  /** Makes a thread, or merges metadata into one that is there.
   *  @throws TooMuchMetadata
   *  @throws ThreadBeingMade
   *  @throws ContentUnreadable */
  async create(
    ref: ThreadRef,
    options: { metadata?: Readonly<Record<string, string>> | undefined } = {},
  ): Promise<{ created: boolean; thread: ThreadRecord }> {
    await this.#register(ref, { becomesBusy: false, isListed: true });
    const { metadata = {} } = options;
    const token = randomUUID();
    const args = [this.limits.retentionMs, await this.#sealedMetadata(ref, metadata), token];
    for (;;) {
      const reply = await this.#run('create', this.keys.ofThread(ref), args);
      if (reply === -2) throw new ThreadBeingMade(ref);
      // erased meanwhile, or somebody else has changed it
      if (reply === 0 && !(await this.#merge(ref, metadata))) continue;
      const thread = await this.get(ref);
      if (thread === null) throw new ThreadBeingMade(ref);
      await this.#bytes.count([thread]);
      return { created: reply === 1, thread };
    }
  }

  /** @returns a fresh id of a thread */
  newId(_tenant: string): string {
    return newRequestId();
  }

  /** @returns a thread even if its content cannot be read: see {@link ThreadRecord.unreadable} */
  async get(ref: ThreadRef): Promise<ThreadRecord | null> {
    const values = await this.redis.hmget(this.keys.record(ref), ...RECORD_FIELDS);
    return openThread(ref, values, cipherOf(this.cipher, ref));
  }

  /** Gives a job its place. A job that is in the thread already gets the same place again. */
  async enter(entry: Entry): Promise<Entered> {
    const { ref, kind, isPrivate = false, wasExpected = false } = entry;
    // before the thread is busy: what a crash leaves in between is found by it
    const mayMakeIt = kind === 'message' && !wasExpected;
    await this.#register(ref, { becomesBusy: true, isListed: mayMakeIt && !isPrivate });
    return this.#enter(entry);
  }

  /** Announces a job that enters after a delay, so that it is erased with its thread. Makes the thread.
   *  @throws ThreadBeingMade */
  async expect(ref: ThreadRef, jobId: string): Promise<void> {
    await this.#register(ref, { becomesBusy: false, isListed: true });
    const reply = await this.#run('expect', this.keys.ofThread(ref), [this.limits.retentionMs, jobId]);
    if (reply !== 1) throw new ThreadBeingMade(ref);
  }

  /** Makes the private thread of a job, if it is not there, and claims it for an attempt: in one round trip, because a model
   *  waits for it. */
  async claimPrivate(lease: AttemptLease): Promise<Claimed> {
    const { ref, jobId } = lease;
    const [, , claimed] = await Promise.all([
      // of a worker that dies before this is stored, the next one stores it
      this.#register(ref, { becomesBusy: true, isListed: false }),
      this.#enter({ ref, jobId, onBusy: 'enqueue', kind: 'message', isPrivate: true }),
      this.claim(lease),
    ]);
    // a server that does not know `enter` yet runs it after `claim`
    return claimed.kind === 'claimed' ? claimed : this.claim(lease);
  }

  /** Lets an attempt at the active job write to its thread, and fences older ones.
   *  @param question what the job asks, for the memory of pipelines that are not agents: stored by the first claim */
  async claim(lease: AttemptLease, question: readonly Message[] = [], first: FirstClaim = {}): Promise<Claimed> {
    const { ref, jobId, attempt, leaseToken } = lease;
    const { keptMessages = '', undoes = '' } = first;
    const messages = await this.#sealedMessages(ref, storedMessages(jobId, question, 'asked'));
    const { retentionMs, maxConversationBytes = Number.MAX_SAFE_INTEGER } = this.limits;
    const args = [retentionMs, jobId, attempt, leaseToken, keptMessages, undoes, maxConversationBytes, ...messages];
    const [outcome, values] = namedReply(await this.#run('claim', this.keys.ofThread(ref), args));
    if (outcome !== 'claimed') return { kind: outcome as 'not-active' | 'too-large' };
    return { kind: 'claimed', head: values['head'] || null };
  }

  /** A job has ended: its thread goes on. To be called once the job is closed, by whoever has closed it. */
  async leave(ending: Ending): Promise<Left> {
    const { ref, jobId, status, said = [], interrupts = [], pipeline } = ending;
    const messages = await this.#sealedMessages(ref, storedMessages(jobId, said, 'said'));
    const questions = await this.#sealedQuestions(ref, storedQuestions(interrupts, pipeline));
    const args = [this.#publish, this.limits.retentionMs, jobId, status, questions, ...messages];
    const [outcome, values] = namedReply(await this.#run('leave', this.keys.ofThread(ref), args));
    if (outcome === 'missing') return { outcome, next: null };
    if (outcome === 'erased') await this.#expired.removePrivate(ref);
    else if (outcome !== 'over') await this.#bytes.count([{ ref, bytes: Number(values['bytes']) }]);
    return { outcome: outcome as Left['outcome'], next: values['next'] || null };
  }

  /** Takes the thread back to where the job found it, for an attempt that cannot go on from what an earlier one has stored.
   *  @returns whether the attempt still has the thread */
  async rewind({ ref, jobId, attempt, leaseToken }: AttemptLease): Promise<boolean> {
    const args = [this.limits.retentionMs, jobId, attempt, leaseToken];
    return (await this.#run('rewind', this.keys.ofThread(ref), args)) === 1;
  }

  /** @param page from: how many messages to leave out
   *  @returns the conversation of jobs that are not of an agent, oldest first
   *  @throws ContentUnreadable */
  async messages(ref: ThreadRef, page: { from: number; limit: number }): Promise<ThreadMessage[]> {
    return parseMessages(await this.#messages.read(ref, page.from, page.limit));
  }

  /** @param page as above
   *  @returns a part of the conversation that is not large
   *  @throws ContentUnreadable */
  messagePage(ref: ThreadRef, { from, limit }: { from: number; limit: number }): Promise<MessagePage> {
    return this.#messages.page(ref, from, limit);
  }

  /** @returns what was said before the active job, oldest first; empty if that is another one by now */
  async messagesBefore({ ref, jobId }: Pick<AttemptLease, 'ref' | 'jobId'>): Promise<ThreadMessage[]> {
    const [active, mark] = await this.redis.hmget(this.keys.record(ref), 'active', 'mark');
    if (active !== jobId || !mark) return [];
    return this.messages(ref, { from: 0, limit: Number(mark) });
  }

  /** Makes a thread that begins where another stands, with the questions that are open there.
   *  @param source those of the shard that has the other thread */
  async fork(fork: Fork, source: Threads = this): Promise<Forked> {
    await this.#register(fork.to, { becomesBusy: false, isListed: true });
    const { outcome, bytes } = await this.#forks.fork(fork, source.#forks);
    if (outcome === 'forked') await this.#bytes.count([{ ref: fork.to, bytes }]);
    return outcome;
  }

  /** Says that a thread is about to be deleted, after its jobs: until then its followers miss none of these.
   *  @see NextTurn.isBeingErased */
  async announceErasure(ref: ThreadRef): Promise<void> {
    await this.#run('announce-erasure', this.keys.ofThread(ref), []);
  }

  /** Deletes a thread with all that belongs to it in Redis, once its jobs have left: what still writes to it is refused.
   *  @returns false: a job has the turn, waits or is expected; nothing is deleted */
  async erase(ref: ThreadRef): Promise<boolean> {
    const seen = await this.redis.zscore(this.keys.seenThreads, ref);
    if ((await this.#run('erase', this.keys.ofThread(ref), [this.#publish])) !== 1) return false;
    await this.#expired.remove(ref, seen ?? '');
    return true;
  }

  /** Counts what threads have in Redis for their tenants: that of a busy one grows. */
  account(threads: readonly ThreadSize[]): Promise<void> {
    return this.#bytes.count(threads);
  }

  /** Removes threads that have expired from lists and counts.
   *  @param forget removes what such a thread has outside Redis
   *  @returns how many were due: fewer than `limit` when none is left */
  purgeExpired(limit: number, forget: (ref: ThreadRef) => Promise<void>): Promise<number> {
    return this.#expired.purge(limit, forget);
  }

  /** @returns the jobs that wait for their turn, the next one first */
  waiting(ref: ThreadRef): Promise<string[]> {
    return this.redis.lrange(this.keys.waiting(ref), 0, -1);
  }

  async #enter(entry: Entry): Promise<Entered> {
    const { ref, jobId, onBusy, kind, isPrivate = false, wasExpected = false, isAnew = false } = entry;
    const { answers = '', continues = '' } = entry;
    const manner = isPrivate ? 'own' : wasExpected ? 'expected' : isAnew ? 'anew' : '';
    const args = [this.#publish, this.limits.retentionMs, jobId, onBusy, kind, manner, answers, continues];
    const [outcome, values] = namedReply(await this.#run('enter', this.keys.ofThread(ref), args));
    if (outcome === 'cancel-first') return { kind: outcome, jobId: values['jobId'] ?? '' };
    return { kind: outcome as Exclude<Entered['kind'], 'cancel-first'> };
  }

  /** @returns false: the thread is gone, or its metadata has changed meanwhile */
  async #merge(ref: ThreadRef, metadata: Readonly<Record<string, string>>): Promise<boolean> {
    if (Object.keys(metadata).length === 0) return true;
    const stored = await this.redis.hget(this.keys.record(ref), 'metadata');
    if (stored === null) return false;
    const known: Record<string, string> = JSON.parse(await cipherOf(this.cipher, ref).open(stored, METADATA));
    const merged = { ...known, ...metadata };
    if (Object.keys(merged).length > MAX_METADATA_KEYS) throw new TooMuchMetadata(MAX_METADATA_KEYS);
    const args = [this.limits.retentionMs, stored, await this.#sealedMetadata(ref, merged)];
    return (await this.#run('describe', this.keys.ofThread(ref), args)) === 1;
  }

  async #sealedMetadata(ref: ThreadRef, metadata: Readonly<Record<string, string>>): Promise<string> {
    const json = JSON.stringify(metadata);
    // nothing to hide, and most threads have none
    if (json === '{}') return json;
    const sealer = await cipherOf(this.cipher, ref).sealer();
    return sealer?.seal(json, METADATA) ?? json;
  }

  async #sealedQuestions(ref: ThreadRef, json: string): Promise<string> {
    const sealer = json === '' ? null : await cipherOf(this.cipher, ref).sealerAtHand();
    return sealer?.seal(json, QUESTIONS) ?? json;
  }

  async #sealedMessages(ref: ThreadRef, messages: readonly string[]): Promise<readonly (string | Buffer)[]> {
    if (messages.length === 0) return messages;
    return sealedMessages(messages, await cipherOf(this.cipher, ref).sealerAtHand());
  }

  async #register(ref: ThreadRef, { becomesBusy, isListed }: { becomesBusy: boolean; isListed: boolean }) {
    const args = [ref, becomesBusy ? '1' : '', isListed ? '1' : '', this.#hintsLastMs];
    await this.#catalogue('register', this.keys.listsOf(ref), args);
  }
}
