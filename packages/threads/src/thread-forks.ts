import { hash, randomUUID } from 'node:crypto';
import type { Interrupt, ThreadRef } from '@millrace/contracts';
import type { RedisConnection, Sealer } from '@millrace/stream-log';
import type { Checkpoints, Head } from './checkpoints/ports.ts';
import { endsWith, type ForkEnd, MessageCut } from './fork-end.ts';
import { type RunScript, scriptsOf } from './redis/thread-scripts.ts';
import { cipherOf, METADATA, QUESTIONS } from './thread-content.ts';
import type { ThreadKeys } from './thread-keys.ts';
import { type MessageReader, sealedMessages } from './thread-messages.ts';
import { storedQuestions } from './thread-questions.ts';

const SCRIPTS = {
  reserve: [9, 'format', 'thread'],
  renew: [9, 'format', 'thread'],
  copy: [9, 'format', 'thread'],
  publish: [9, 'format', 'thread'],
  abandon: [9, 'format', 'thread'],
} as const;

/** How long the id of a copy is held against other requests for a fork that is cut short, milliseconds. One that is at work
 *  renews it. */
const LEASE_MS = 10_000;
/** How often in that time it renews: some may be lost. */
const RENEWALS = 5;
/** Messages and bytes that one script copies. */
const BATCH = 500;
const BATCH_BYTES = 1_048_576;
/** How often to start again because a job was undone meanwhile. */
const MAX_ROUNDS = 5;

export interface Fork {
  readonly from: ThreadRef;
  readonly to: ThreadRef;
  /** default: where the thread stands; null: before its first one */
  readonly checkpointId?: string | null | undefined;
  /** where the copied messages end, unless a checkpoint is given; left out: all are copied */
  readonly end?: ForkEnd | undefined;
  readonly checkpoints: Pick<Checkpoints, 'copy' | 'readState'>;
}

/** `unknown-thread`, `unknown-checkpoint`, `unknown-end`: of the thread that is copied. `exists`: the copy's id is taken */
export type Forked = 'forked' | 'unknown-thread' | 'unknown-checkpoint' | 'unknown-end' | 'exists';

/** What of the copied thread decides how the copy looks. */
interface Source {
  readonly createdAt: string;
  /** as stored */
  readonly metadata: string;
  /** how many jobs were undone */
  readonly undos: string;
  readonly head: string | null;
  /** questions at `head`, as stored; null: none */
  readonly interrupts: string | null;
}

/** What stores the copy. */
interface Copy {
  /** of the fork */
  readonly token: string;
  /** reads the thread that is copied */
  readonly messages: MessageReader;
  /** null: nothing is encrypted */
  readonly sealer: Sealer | null;
}

/** Makes threads that begin where others stand: under a lock on the new id, of which one fork gets it, the messages are copied in
 *  batches, then the checkpoint; the record comes last, so that nobody sees a part of it. The same request takes the lock over
 *  at once: what the fork before still copies is the same. What is encrypted is sealed anew for the copy. */
export class ThreadForks {
  readonly #run: RunScript<keyof typeof SCRIPTS>;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: ThreadKeys,
    readonly messages: MessageReader,
    readonly retentionMs: number,
    readonly leaseMs = LEASE_MS,
  ) {
    this.#run = scriptsOf(redis, 'thread', SCRIPTS);
  }

  /** @param origin those of the shard that has the thread which is copied
   *  @returns with the size of the copy, bytes, once it is there
   *  @throws ContentUnreadable of the thread that is copied */
  async fork(fork: Fork, origin: ThreadForks = this): Promise<{ outcome: Forked; bytes: number }> {
    const request = requestOf(fork);
    for (let round = 1; ; round += 1) {
      const token = `${request}${randomUUID()}`;
      const source = await origin.#source(fork.from);
      if (source === null) return { outcome: 'unknown-thread', bytes: 0 };
      const sealer = await cipherOf(this.messages.cipher, fork.to).sealer();
      const keys = this.keys.ofThread(fork.to);
      const reserved = await this.#run('reserve', keys, [token, this.leaseMs, request]);
      if (reserved !== 1) return { outcome: 'exists', bytes: 0 };
      const renewal = this.#renew(keys, token);
      try {
        const copied = await this.#copy(fork, source, { token, sealer, messages: origin.messages });
        if (typeof copied === 'string') return { outcome: copied, bytes: 0 };
        const now = await origin.#source(fork.from);
        if (now === null || now.createdAt !== source.createdAt) return { outcome: 'unknown-thread', bytes: 0 };
        // a part of what was copied may be of the job that was undone
        if (now.undos !== source.undos && round < MAX_ROUNDS) continue;
        const args = [
          this.retentionMs,
          token,
          sealed(await this.#open(fork.from, source.metadata, METADATA), METADATA, sealer),
          copied.head?.checkpointId ?? '',
          sealed(copied.interrupts, QUESTIONS, sealer),
          endsWith(fork.end),
        ];
        const bytes = Number(await this.#run('publish', keys, args));
        return bytes < 0 ? { outcome: 'exists', bytes: 0 } : { outcome: 'forked', bytes };
      } finally {
        clearInterval(renewal);
        // does nothing to a thread that is there
        await this.#run('abandon', keys, [token]);
      }
    }
  }

  #renew(keys: readonly string[], token: string): NodeJS.Timeout {
    const renew = async () => {
      try {
        await this.#run('renew', keys, [token, this.leaseMs]);
      } catch {
        // the next one may do it; without any the fork's next step finds that its time was up
      }
    };
    return setInterval(() => void renew(), this.leaseMs / RENEWALS);
  }

  async #copy({ from, to, checkpointId, end, checkpoints }: Fork, source: Source, copy: Copy) {
    // an agent has none
    const last = checkpointId === undefined ? end : undefined;
    const copied = await this.#copyMessages({ from, to, end: last }, copy);
    if (copied !== 'copied') return copied;
    if (checkpointId === null) return { head: null, interrupts: '' };
    if (checkpointId === undefined && source.head === null) {
      return { head: null, interrupts: await this.#open(from, source.interrupts ?? '', QUESTIONS) };
    }
    const head = await checkpoints.copy(from, to, checkpointId === undefined ? {} : { checkpointId });
    if (head === null) return 'unknown-checkpoint';
    return { head, interrupts: await this.#questionsAt(from, head, source, checkpoints) };
  }

  /** @returns JSON; '' for none */
  async #questionsAt(from: ThreadRef, head: Head, source: Source, checkpoints: Fork['checkpoints']): Promise<string> {
    if (head.checkpointId === source.head) return this.#open(from, source.interrupts ?? '', QUESTIONS);
    // the copy does not tell who wrote it
    const state = await checkpoints.readState(from, head.checkpointId);
    const questions: readonly Interrupt[] = state?.interrupts ?? [];
    return storedQuestions(questions, state?.origin?.pipeline);
  }

  /** @returns `exists`: another fork has taken over */
  async #copyMessages(
    { from, to, end }: Pick<Fork, 'from' | 'to' | 'end'>,
    { token, sealer, messages }: Copy,
  ): Promise<'copied' | 'exists' | 'unknown-end'> {
    const keys = this.keys.ofThread(to);
    const cut = new MessageCut(end);
    for (let first = 0; ; ) {
      const batch = startOf(await messages.read(from, first, BATCH), BATCH_BYTES);
      const own = cut.keep(batch);
      if (own.length > 0) {
        const args = [token, this.retentionMs, first, ...sealedMessages(own, sealer)];
        if ((await this.#run('copy', keys, args)) !== 1) return 'exists';
      }
      if (batch.length === 0 || cut.isOver) return cut.isFound ? 'copied' : 'unknown-end';
      first += batch.length;
    }
  }

  #open(ref: ThreadRef, stored: string, about: string): Promise<string> {
    return cipherOf(this.messages.cipher, ref).open(stored, about);
  }

  async #source(ref: ThreadRef): Promise<Source | null> {
    const names = ['createdAt', 'metadata', 'undos', 'head', 'interrupts', 'active', 'before'] as const;
    const values = await this.redis.hmget(this.keys.record(ref), ...names);
    const [createdAt, metadata, undos, head, interrupts, active, before] = values.map((value) => value ?? null);
    if (!createdAt) return null;
    // questions that the active job has left behind
    const isPast = !!active && typeof before === 'string' && before !== (head ?? '');
    return {
      ...{ createdAt, metadata: metadata ?? '{}', undos: undos ?? '0', head: head ?? null },
      interrupts: isPast ? null : (interrupts ?? null),
    };
  }
}

/** @param json that holds no word if it is empty */
function sealed(json: string, about: string, sealer: Sealer | null): string {
  return sealer === null || json === '' || json === '{}' ? json : sealer.seal(json, about);
}

/** @returns the same for the same request, as long as for any other */
function requestOf({ from, checkpointId, end }: Fork): string {
  const asked = [from, checkpointId === null ? 'none' : [checkpointId ?? null], end ?? null];
  return `${hash('sha256', JSON.stringify(asked))}:`;
}

/** As many as fit, one at least. */
function startOf(messages: readonly string[], maxBytes: number): readonly string[] {
  let bytes = 0;
  const tooMany = messages.findIndex((message, i) => {
    bytes += Buffer.byteLength(message);
    return i > 0 && bytes > maxBytes;
  });
  return tooMany === -1 ? messages : messages.slice(0, tooMany);
}
