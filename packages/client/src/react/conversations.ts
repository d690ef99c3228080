import { type ConversationOptions, createConversation } from '../conversation/conversation.ts';
import type { ConversationStore } from '../conversation/store.ts';
import type { Millrace } from '../millrace.ts';

/** How many conversations are kept when no component shows them: going back to one shows it at once. */
const MAX_KEPT = 20;

/** The conversations of a client: components that show the same thread share one, and with it one stream. */
export class Conversations {
  private static readonly ofClients = new WeakMap<Millrace, Conversations>();
  private kept: readonly ConversationStore[] = [];

  private constructor(private readonly client: Millrace) {}

  static of(client: Millrace): Conversations {
    const known = Conversations.ofClients.get(client) ?? new Conversations(client);
    Conversations.ofClients.set(client, known);
    return known;
  }

  /** @param threadId left out: a new one. A conversation that has gone on in another thread is found by that one's id */
  get(threadId: string | undefined, options: ConversationOptions): ConversationStore {
    const known = this.kept.find((store) => store.getSnapshot().threadId === threadId);
    const store = known ?? createConversation(this.client, threadId === undefined ? options : { ...options, threadId });
    this.kept = [store, ...this.kept.filter((each) => each !== store)].slice(0, MAX_KEPT);
    return store;
  }
}
