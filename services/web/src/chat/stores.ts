import {
  type ConversationStore,
  createConversation,
  createThreadList,
  type ThreadListStore,
} from '@millrace/client/conversation';
import { millrace } from './service.ts';

/** @param threadId null: a new conversation */
export function openConversation(threadId: string | null, service = millrace): ConversationStore {
  return createConversation(service, threadId === null ? {} : { threadId });
}

/** The conversations of this tab's credential. */
export function newThreadList(): ThreadListStore {
  return createThreadList(millrace);
}
