import type { Checkpoints, ThreadMessage as KeptMessage, StateMessage, ThreadRecord, Threads } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import { CHECKPOINTS, THREADS } from '../tokens.ts';

/** A message of a thread. */
export type ThreadMessage =
  | KeptMessage
  /** of an agent's state; null: not known of this one */
  | (StateMessage & { readonly jobId: string | null });

/** Messages from a place in a thread on. */
export interface ConversationPage {
  /** oldest first; fewer than asked for where they are large */
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

  /** The whole of a conversation that is kept beside its thread. */
  whole({ ref }: ThreadRecord): Promise<readonly ThreadMessage[]> {
    return this.threads.messages(ref, { from: 0, limit: Number.POSITIVE_INFINITY });
  }

  /** @param from how many messages to leave out */
  async page({ ref, head }: ThreadRecord, { from, limit }: { from: number; limit: number }): Promise<ConversationPage> {
    if (head === null) return this.threads.messagePage(ref, { from, limit });
    const state = await this.checkpoints.readState(ref, head);
    const messages = (state?.values['messages'] ?? []) as readonly StateMessage[];
    if (!Array.isArray(messages)) return { messages: [], more: false };
    const page = messages.slice(from, from + limit);
    const ids = page.flatMap(({ messageId }) => (messageId === undefined ? [] : [messageId]));
    const jobs = await this.checkpoints.jobsOfMessages(ref, ids);
    const jobOf = ({ messageId }: StateMessage) => jobs.get(messageId ?? '') ?? null;
    return {
      messages: page.map((message) => ({ ...message, jobId: jobOf(message) })),
      more: messages.length > from + limit,
    };
  }
}
