import {
  type ConversationStore,
  createConversation,
  createThreadList,
  type ThreadListStore,
} from '@millrace/client/conversation';
import { millrace } from './service.ts';

/** @param threadId null: a new conversation; a thread that was erased is not made again */
export function openConversation(threadId: string | null, service = millrace): ConversationStore {
  return createConversation(service, threadId === null ? {} : { threadId, mustExist: true });
}

/** The conversations of this tab's credential. */
export function newThreadList(): ThreadListStore {
  return createThreadList(millrace);
}
