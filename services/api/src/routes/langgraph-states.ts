import type { Message, ThreadView } from '@millrace/contracts';
import { checkpointOfMessages, type WireState, type WireThread, wireState, wireThread } from '@millrace/protocols';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Caller } from '../auth/caller.ts';
import { CheckpointNotFound } from '../http/problem.ts';
import { TextQuota } from '../quota/text-quota.ts';
import { GetThread } from '../threads/get-thread.ts';
import { ThreadState, type ThreadStateView } from '../threads/thread-state.ts';

/** A state that has more in Redis waits until its tenant may read it. */
const MAX_SHORT_BYTES = 64 * 1024;
/** Checkpoints that one page of ours has. */
const PAGE = 100;

/** A message that a thread keeps. */
type OwnMessage = Message & { readonly messageId?: string };

/** A thread, and who reads it. */
export interface StateReader {
  readonly threadId: string;
  readonly caller: Caller;
  readonly reply: FastifyReply;
}

/** The states of threads, as LangGraph's server shows them. */
@Injectable()
export class LangGraphStates {
  constructor(
    @Inject(ThreadState) private readonly threadState: ThreadState,
    @Inject(GetThread) private readonly getThread: GetThread,
    @Inject(TextQuota) private readonly textQuota: TextQuota,
  ) {}

  /** @throws ThreadNotFound, AmbiguousId, TooManyTexts
   *  @throws CheckpointNotFound the thread never had it, or, where it keeps messages alone, has it no more */
  async state(reader: StateReader, checkpointId: string | null = null): Promise<WireState> {
    const { threadId } = reader;
    const named = this.#named(reader);
    if (checkpointId === null) return wireState(threadId, kept(await this.threadState.state(named)));
    try {
      return wireState(threadId, kept(await this.threadState.state({ ...named, checkpointId })));
    } catch (error) {
      if (!(error instanceof CheckpointNotFound)) throw error;
      const now = await this.threadState.state(named);
      if ('checkpointId' in now || checkpointOfMessages(now.values.messages) !== checkpointId) throw error;
      return wireState(threadId, kept(now));
    }
  }

  /** Where a thread stands. While a run is on, something runs next: a client takes any other thread for one that has ended, and does
   *  not watch it.
   *  @throws ThreadNotFound, AmbiguousId, TooManyTexts */
  async now(reader: StateReader): Promise<WireState> {
    const runsBefore = await this.#runs(reader);
    const state = await this.state(reader);
    // one that began, or ended, meanwhile is to be watched too
    const runs = runsBefore || (await this.#runs(reader));
    return runs && state.next.length === 0 ? { ...state, next: ['__start__'] } : state;
  }

  async #runs({ threadId, caller }: StateReader): Promise<boolean> {
    return (await this.getThread.run({ threadId, caller })).activeJob !== null;
  }

  /** @param before the checkpoint whose predecessors are wanted; null: from the newest on
   *  @returns newest first; of a thread that keeps messages alone, where it stands
   *  @throws ThreadNotFound, AmbiguousId, TooManyTexts */
  async history(
    reader: StateReader,
    { limit, before }: { limit: number; before: string | null },
  ): Promise<WireState[]> {
    const { threadId } = reader;
    const named = this.#named(reader);
    const states: WireState[] = [];
    let cursor = before ?? undefined;
    while (states.length < limit) {
      const page = { limit: Math.min(PAGE, limit - states.length), cursor };
      const { items, nextCursor } = await this.threadState.history({ ...named, ...page });
      states.push(...items.map((item) => wireState(threadId, item)));
      if (nextCursor === null) break;
      cursor = nextCursor;
    }
    if (states.length > 0 || before !== null) return states;
    const now = await this.state(reader);
    return now.checkpoint === null ? [] : [now];
  }

  /** @returns the values of a thread's state, if the job was the last in it; null: it was not */
  async valuesAfter(jobId: string, reader: StateReader): Promise<WireState['values'] | null> {
    const { threadId, caller } = reader;
    const { activeJob, lastJob } = await this.getThread.run({ threadId, caller });
    return activeJob === null && lastJob === jobId ? (await this.state(reader)).values : null;
  }

  /** The messages of a thread that keeps them beside it; of an agent's, none. */
  async messages(reader: StateReader): Promise<readonly OwnMessage[]> {
    const state = await this.threadState.state(this.#named(reader));
    if ('checkpointId' in state) return [];
    return state.values.messages.map(({ jobId: _, ...message }) => message as OwnMessage);
  }

  /** A thread with the values of its state. */
  async thread(reader: StateReader): Promise<WireThread> {
    const { threadId, caller } = reader;
    return this.withValues(await this.getThread.run({ threadId, caller }), reader);
  }

  async withValues(thread: ThreadView, reader: StateReader): Promise<WireThread> {
    return wireThread(thread, (await this.state(reader)).values);
  }

  #named({ threadId, caller, reply }: StateReader) {
    const admit = async (bytes: number) => {
      if (bytes > MAX_SHORT_BYTES) await this.textQuota.acquireText(caller.tenant, reply.raw);
    };
    return { threadId, caller, admit };
  }
}

function kept(state: ThreadStateView) {
  return 'checkpointId' in state ? state : { values: { messages: state.values.messages } };
}
