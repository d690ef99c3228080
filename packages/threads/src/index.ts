export { CheckpointLost, CheckpointsTooLarge } from './checkpoints/errors.ts';
export * from './checkpoints/ports.ts';
export { ThreadBeingMade, ThreadError, TooMuchMetadata } from './errors.ts';
export type { ThreadWatcher } from './follow/thread-topic.ts';
export { type ThreadHold, ThreadTopics } from './follow/thread-topics.ts';
export { type NextTurn, type ThreadHead, ThreadTurns, type Turn } from './follow/thread-turns.ts';
export type { ForkEnd } from './fork-end.ts';
export { type CheckpointOptions, openCheckpoints } from './open-checkpoints.ts';
export { openJoinedCheckpoints } from './shards/joined-checkpoints.ts';
export { joinedThreadCatalogue, joinedThreads, joinedThreadTopics } from './shards/joined-threads.ts';
export { ThreadCatalogue, type ThreadPage } from './thread-catalogue.ts';
export type { Fork, Forked } from './thread-forks.ts';
export { ThreadKeys } from './thread-keys.ts';
export type { MessagePage, ThreadMessage } from './thread-messages.ts';
export type { ThreadQuestions } from './thread-questions.ts';
export {
  listedView,
  privateThread,
  requireReadable,
  THREAD_FORMAT,
  type ThreadRecord,
  threadView,
} from './thread-record.ts';
export { ThreadShards } from './thread-shards.ts';
export {
  type Claimed,
  type Ending,
  type Entered,
  type Entry,
  type Left,
  type ThreadLimits,
  Threads,
} from './threads.ts';
