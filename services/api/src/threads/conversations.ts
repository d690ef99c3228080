import type { Checkpoints, ThreadMessage as KeptMessage, StateMessage, ThreadRecord, Threads } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import { CHECKPOINTS, THREADS } from '../tokens.ts';

/** A message of a thread. */
export type ThreadMessage =
  | KeptMessage
  /** of an agent's state, which does not tell which job brought or said it */
  | (StateMessage & { readonly jobId: null });

/** Messages from a place in a thread on. */
export interface ConversationPage {
  /** oldest first */
  readonly messages: readonly ThreadMessage[];
  /** whether there are more */
  readonly more: boolean;
}

/** The messages of a thread, wherever it keeps them: an agent in its state, others beside the thread. */
@Injectable()
export class Conversations {
  constructor(
    @Inject(THREADS) private readonly threads: Threads,
    @Inject(CHECKPOINTS) private readonly checkpoints: Checkpoints,
  ) {}

  async whole(thread: ThreadRecord): Promise<readonly ThreadMessage[]> {
    return (await this.page(thread, { from: 0, limit: Number.POSITIVE_INFINITY })).messages;
  }

  /** @param from how many messages to leave out */
  async page(thread: ThreadRecord, { from, limit }: { from: number; limit: number }): Promise<ConversationPage> {
    const messages = await this.#read(thread, from, limit);
    return { messages: messages.slice(0, limit), more: messages.length > limit };
  }

  /** Reads one message more than asked for. */
  async #read({ ref, head }: ThreadRecord, from: number, limit: number): Promise<readonly ThreadMessage[]> {
    if (head === null) return this.threads.messages(ref, { from, limit: limit + 1 });
    const state = await this.checkpoints.readState(ref, head);
    const messages = state?.values['messages'];
    if (!Array.isArray(messages)) return [];
    return (messages as StateMessage[]).slice(from, from + limit + 1).map((message) => ({ ...message, jobId: null }));
  }
}
