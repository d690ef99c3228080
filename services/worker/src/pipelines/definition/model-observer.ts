import type { Usage } from '@millrace/contracts';
import type { AttemptTrace } from '@millrace/telemetry';

/** What a model's server has just sent.
 *  - `alive`: bytes before the first content: a comment, an empty frame
 *  - `content`: text, reasoning, a part of a tool call, or anything after these
 *  - `complete`: a finish reason, or anything after it
 *
 *  Agents, whose models are not the worker's own, report other moments:
 *  - `called`: a model is called, and its first content is awaited
 *  - `idle`: no model is being called, so that silence is not a model's */
export type ModelActivity = 'alive' | 'content' | 'complete' | 'called' | 'idle';

/** How long usage and the end of the stream may follow the finish reason, milliseconds. */
export const COMPLETION_GRACE_MS = 2_000;

/** Observes the model calls of one attempt. */
export interface ModelObserver {
  /** called for every read from a model's server, also when no event follows; only by the worker's models of openai, and by agents */
  onActivity(activity: ModelActivity): void;
  /** @param usage the increase since the last call, in tokens
   *  @param model `provider:name`; the job's own if left out */
  onUsage(usage: Usage, model?: string): void;
  /** called before each request to a model; agents report the activity `called` instead */
  onCall?(): void;
  /** of an attempt that is traced */
  readonly trace?: AttemptTrace | undefined;
}
