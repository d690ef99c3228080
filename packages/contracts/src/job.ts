import { z } from 'zod';
import type { Interrupt } from './agent.ts';
import { STREAM_ERROR_CODES } from './error-code.ts';
import type { EventId } from './event-id.ts';
import type { SaidMessage } from './message.ts';

export const JOB_STATUSES = ['queued', 'active', 'completed', 'failed', 'cancelled'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

const tokens = z.number().int().nonnegative().describe('As the provider counted them.');

/** Tokens as the model's provider counted them. */
export const usageSchema = z.object({ inputTokens: tokens, outputTokens: tokens });
export type Usage = z.infer<typeof usageSchema>;

/** Why a job failed after its stream had begun. */
export const jobErrorSchema = z.object({
  code: z.enum(STREAM_ERROR_CODES),
  message: z.string(),
  retryable: z.boolean().describe('Whether the same request may succeed later.'),
});
export type JobError = z.infer<typeof jobErrorSchema>;

/** A job as the API shows it. Times are ISO 8601. @see PROTOCOL.md §5 */
export interface JobView {
  readonly id: string;
  readonly status: JobStatus;
  readonly pipeline: string;
  readonly model: string;
  readonly attempt: number;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly firstTokenAt: string | null;
  readonly finishedAt: string | null;
  readonly lastEventId: EventId | null;
  readonly usage: Usage | null;
  readonly error: JobError | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** the thread that it belongs to */
  readonly threadId: string | null;
  /** structured output of an agent */
  readonly output: unknown;
  /** questions that it ended with */
  readonly interrupts: readonly Interrupt[];
  /** 1 = next; only while queued */
  readonly queuePosition?: number;
  /** the answer so far, or the whole answer; absent if not asked for, null once the log has expired */
  readonly text?: string | null;
  /** the messages so far, or all of them; absent if not asked for, null once the log has expired */
  readonly messages?: readonly SaidMessage[] | null;
}
