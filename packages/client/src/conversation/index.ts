export { type ConversationOptions, createConversation } from './conversation.ts';
export type {
  AssistantMessage,
  ConnectionState,
  ConversationMessage,
  ConversationProblem,
  ConversationSnapshot,
  MessageTimings,
  UserMessage,
} from './snapshot.ts';
export type { ConversationStore, JobOptions, Store, ThreadListSnapshot, ThreadListStore } from './store.ts';
export { createThreadList } from './thread-list.ts';
