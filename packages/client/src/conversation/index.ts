export { type ConversationOptions, createConversation } from './conversation.ts';
export { createJobStore } from './job-store.ts';
export type {
  AssistantMessage,
  ConnectionState,
  ConversationMessage,
  ConversationProblem,
  ConversationSnapshot,
  JobSnapshot,
  MessageTimings,
  UserMessage,
} from './snapshot.ts';
export type { ConversationStore, JobOptions, JobStore, Store, ThreadListSnapshot, ThreadListStore } from './store.ts';
export { createThreadList } from './thread-list.ts';
