export * from './checkpoints/ports.ts';
export type { ThreadWatcher } from './follow/thread-topic.ts';
export { type ThreadHold, ThreadTopics } from './follow/thread-topics.ts';
export { type ThreadHead, ThreadTurns, type Turn } from './follow/thread-turns.ts';
export * from './thread-keys.ts';
