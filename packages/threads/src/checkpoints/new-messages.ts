import type { ChannelVersions, Checkpoint, CheckpointTuple, PendingWrite } from '@langchain/langgraph-checkpoint';
import type { MessageJob } from './checkpoint-table.ts';
import type { StoredWrite } from './stored-checkpoint.ts';

/** The channel whose messages are those of a thread. */
const CHANNEL = 'messages';

/** No more are remembered of a thread (`message-jobs.lua`). */
const MOST_MESSAGES = 10_000;

/** Finds out which messages are new in the checkpoints of the root graph that an attempt stores, and which job has brought
 *  each. Messages without an id are left out. */
export class NewMessages {
  readonly #known = new Set<string>();
  /** since the last checkpoint, or pending at the one that was read: ids, and the jobs that wrote them */
  readonly #written = new Map<string, string>();
  readonly #new = new Map<string, string>();

  /** @param jobId of the attempt */
  constructor(readonly jobId: string) {}

  /** What is in a checkpoint that was read is not new.
   *  @param writes as stored at it */
  read({ checkpoint, pendingWrites = [] }: CheckpointTuple, writes: readonly StoredWrite[]): void {
    const value: unknown = checkpoint.channel_values[CHANNEL];
    for (const id of idsIn(snapshotOf(value))) this.#known.add(id);
    for (const [taskId, channel, written] of pendingWrites) {
      if (channel !== CHANNEL) continue;
      const claim = writes.find((write) => write.taskId === taskId && write.channel === CHANNEL)?.claim ?? '';
      const [job = ''] = claim.split(':', 1);
      for (const id of idsIn(written)) this.#written.set(id, job || this.jobId);
    }
  }

  /** What a task writes is in the checkpoint at the end of its step. */
  write(writes: readonly PendingWrite[]): void {
    for (const [channel, written] of writes) {
      if (channel !== CHANNEL) continue;
      for (const id of idsIn(written)) this.#written.set(id, this.jobId);
    }
  }

  /** @param values of a checkpoint that is about to be stored */
  put(values: Checkpoint['channel_values'], newVersions: ChannelVersions): void {
    const value: unknown = values[CHANNEL];
    // a delta channel has its value from what was written
    const isWhole = Array.isArray(value);
    const ids = isWhole && Object.hasOwn(newVersions, CHANNEL) ? idsIn(value) : [];
    for (const id of isWhole ? ids : this.#written.keys()) {
      if (this.#known.has(id)) continue;
      this.#known.add(id);
      this.#new.set(id, this.#written.get(id) ?? this.jobId);
    }
    this.#written.clear();
  }

  /** @returns those that are to be stored with the checkpoint, the newest of very many */
  take(): readonly MessageJob[] {
    const taken = [...this.#new].slice(-MOST_MESSAGES).map(([messageId, jobId]) => ({ messageId, jobId }));
    this.#new.clear();
    return taken;
  }
}

function snapshotOf(value: unknown): unknown {
  return Array.isArray(value) ? value : (value as { value?: unknown } | undefined)?.value;
}

function* idsIn(messages: unknown): Generator<string> {
  for (const message of Array.isArray(messages) ? messages : [messages]) {
    const { id, type } = (message ?? {}) as { id?: unknown; type?: unknown };
    if (typeof id === 'string' && id !== '' && type !== 'remove') yield id;
  }
}
