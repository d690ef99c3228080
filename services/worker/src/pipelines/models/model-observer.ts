/** What a model's server has just sent: bytes without content (a comment, an empty frame), or content: text, reasoning, or a
 *  part of a tool call. */
export type ModelActivity = 'alive' | 'content';

/** Observes the model calls of one attempt. Providers other than openai do not report. */
export interface ModelObserver {
  /** called for every read from a model's server, also when no event follows */
  onActivity(activity: ModelActivity): void;
}
