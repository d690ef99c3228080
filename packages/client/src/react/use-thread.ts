import { useMemo } from 'react';
import type { ConversationOptions } from '../conversation/conversation.ts';
import type { ConversationSnapshot } from '../conversation/snapshot.ts';
import type { ConversationStore } from '../conversation/store.ts';
import { useMillrace } from './client-context.ts';
import { Conversations } from './conversations.ts';
import { useStore } from './use-store.ts';

type Actions = Omit<ConversationStore, 'subscribe' | 'getSnapshot'>;

/** What a conversation shows, and what can be done in it. */
export type UsedThread = ConversationSnapshot & Actions;

/** A conversation, drawn anew whenever something in it changes. It is followed while a component shows it; all that show the same
 *  thread share one stream.
 *  @param threadId a thread, or an id that the page has made up: its thread is made with the first message. Left out: a new
 *    conversation; the snapshot's `threadId` is its id, and stays with this conversation when it is passed later. For another new
 *    one, give the component another `key`
 *  @param options taken when the conversation is first shown
 *  @example
 *  const { messages, activity, send, stop } = useThread(threadId); */
export function useThread(threadId?: string, options: Omit<ConversationOptions, 'threadId'> = {}): UsedThread {
  const client = useMillrace();
  // biome-ignore lint/correctness/useExhaustiveDependencies: an object literal is another one with each drawing
  const store = useMemo(() => Conversations.of(client).get(threadId, options), [client, threadId]);
  const actions = useMemo(() => actionsOf(store), [store]);
  const snapshot = useStore(store);
  return { ...snapshot, ...actions };
}

function actionsOf(store: ConversationStore): Actions {
  return {
    send: (content, options) => store.send(content, options),
    start: (input, options) => store.start(input, options),
    resume: (value, options) => store.resume(value, options),
    stop: (jobId) => store.stop(jobId),
    retry: (id, options) => store.retry(id, options),
    edit: (id, content, options) => store.edit(id, content, options),
    fork: (id) => store.fork(id),
    rename: (title) => store.rename(title),
    erase: () => store.erase(),
    reload: () => store.reload(),
    dismiss: () => store.dismiss(),
  };
}
