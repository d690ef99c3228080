import type { Usage } from '@millrace/contracts';

/** What a model's server has just sent: bytes without content (a comment, an empty frame), or content: text, reasoning, or a
 *  part of a tool call. */
export type ModelActivity = 'alive' | 'content';

/** Observes the model calls of one attempt. */
export interface ModelObserver {
  /** called for every read from a model's server, also when no event follows; only by models of openai */
  onActivity(activity: ModelActivity): void;
  /** @param usage the increase since the last call, in tokens */
  onUsage(usage: Usage): void;
}
