import type { Checkpoints, CheckpointView, ThreadRecord } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import { CheckpointNotFound, InvalidCursor } from '../http/problem.ts';
import { CHECKPOINTS } from '../tokens.ts';
import { Conversations, type ThreadMessage } from './conversations.ts';
import { type ReadThread, ThreadAccess } from './thread-access.ts';

/** Where a thread stands: a checkpoint of an agent, or the conversation of `chat`. */
export type ThreadStateView = CheckpointView | { readonly values: { readonly messages: readonly ThreadMessage[] } };

export interface StateHistory {
  /** newest first; empty for `chat`, which keeps no checkpoints */
  readonly items: readonly CheckpointView[];
  readonly nextCursor: string | null;
}

interface NamedState extends ReadThread {
  readonly checkpointId?: string | undefined;
}

interface HistoryQuery extends NamedState {
  readonly limit: number;
  /** id of the last checkpoint of the page before */
  readonly cursor?: string | undefined;
}

/** LangGraph's ids are UUIDs. */
const CHECKPOINT_ID = /^[A-Za-z0-9_-]+$/;

/** Reads the state of a thread, and what it was before. @see PROTOCOL.md §10 */
@Injectable()
export class ThreadState {
  constructor(
    @Inject(ThreadAccess) private readonly access: ThreadAccess,
    @Inject(CHECKPOINTS) private readonly checkpoints: Checkpoints,
    @Inject(Conversations) private readonly conversations: Conversations,
  ) {}

  /** @throws ThreadNotFound, AmbiguousId, CheckpointNotFound, TooManyTexts, ContentUnreadable */
  async state({ checkpointId, ...named }: NamedState): Promise<ThreadStateView> {
    const thread = await this.access.readable(named);
    const id = checkpointId ?? thread.head;
    if (id === null) return { values: { messages: await this.conversations.whole(thread) } };
    return this.#checkpoint(thread, id);
  }

  /** @throws ThreadNotFound, AmbiguousId, CheckpointNotFound, InvalidCursor, TooManyTexts, ContentUnreadable */
  async history({ limit, cursor, checkpointId, ...named }: HistoryQuery): Promise<StateHistory> {
    if (cursor !== undefined && !CHECKPOINT_ID.test(cursor)) throw new InvalidCursor();
    const thread = await this.access.readable(named);
    const first =
      cursor === undefined && checkpointId !== undefined ? [await this.#checkpoint(thread, checkpointId)] : [];
    const before = cursor ?? checkpointId;
    const page = { limit: limit - first.length, ...(before === undefined ? {} : { before }) };
    const { checkpoints, more } = await this.checkpoints.history(thread.ref, page);
    const items = [...first, ...checkpoints];
    return { items, nextCursor: more ? (items.at(-1)?.checkpointId ?? null) : null };
  }

  async #checkpoint({ ref }: ThreadRecord, id: string): Promise<CheckpointView> {
    const checkpoint = await this.checkpoints.readState(ref, id);
    if (checkpoint === null) throw new CheckpointNotFound();
    return checkpoint;
  }
}
