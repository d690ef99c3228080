export { CheckpointLost, CheckpointsTooLarge } from './checkpoints/errors.ts';
export * from './checkpoints/ports.ts';
export type { ThreadWatcher } from './follow/thread-topic.ts';
export { type ThreadHold, ThreadTopics } from './follow/thread-topics.ts';
export { type ThreadHead, ThreadTurns, type Turn } from './follow/thread-turns.ts';
export { type CheckpointOptions, openCheckpoints } from './open-checkpoints.ts';
export * from './thread-keys.ts';
