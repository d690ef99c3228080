import { z } from 'zod';
import { countedArray, countedRecord } from './counted.ts';
import type { StreamErrorCode } from './error-code.ts';
import type { EventId } from './event-id.ts';

export const messageSchema = z.strictObject({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: z.string(),
});

/** The body of `POST /jobs`. Unknown fields are refused; exactly one of `query` and `messages` is given.
 *  Limits that depend on settings (pipelines, models, the cap of `timeoutMs`) are checked by the API on top.
 *  @see PROTOCOL.md §2 */
export const createJobSchema = z
  .strictObject({
    query: z.string().min(1).optional().describe('Shorthand for one user message.'),
    messages: countedArray(messageSchema, { most: 1_000 }).optional().describe('The conversation.'),
    pipeline: z.string().min(1).max(64).default('chat').describe('Which LangChain pipeline answers.'),
    model: z.string().min(1).max(128).optional().describe('`provider:name`, or a bare name for the default provider.'),
    temperature: z.number().min(0).max(2).optional().describe('Passed to the model.'),
    maxTokens: z.number().int().min(1).max(1_000_000).optional().describe('Passed to the model.'),
    onDisconnect: z
      .enum(['continue', 'cancel'])
      .default('continue')
      .describe('What happens when the creating connection is lost and nobody watches.'),
    onCrash: z
      .enum(['restart', 'fail'])
      .default('restart')
      .describe('What a new attempt does when tokens were already published.'),
    timeoutMs: z.number().int().min(1).optional().describe('Wall clock from the start of the attempt, milliseconds.'),
    metadata: countedRecord(z.string().max(64), z.string().max(512), { most: 16 })
      .optional()
      .describe('Echoed back, never logged.'),
  })
  .refine((body) => (body.query === undefined) !== (body.messages === undefined), {
    message: 'give exactly one of "query" and "messages"',
    path: ['query'],
  });

export type CreateJobBody = z.infer<typeof createJobSchema>;
export type Message = z.infer<typeof messageSchema>;

/** What a worker needs of a request: stored once, in the job's record. The queue entry carries the id alone. */
export interface JobRequest {
  readonly messages: readonly Message[];
  readonly pipeline: string;
  /** `provider:name` */
  readonly model: string;
  readonly temperature?: number;
  readonly maxTokens?: number;
  readonly onDisconnect: 'continue' | 'cancel';
  readonly onCrash: 'restart' | 'fail';
  /** wall clock from the start of the attempt, milliseconds */
  readonly timeoutMs: number;
}

export const JOB_STATUSES = ['queued', 'active', 'completed', 'failed', 'cancelled'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/** Tokens as the model's provider counted them. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export interface JobError {
  readonly code: StreamErrorCode;
  readonly message: string;
  readonly retryable: boolean;
}

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
  /** the answer so far, or whole; absent in lists, null once the log has expired */
  readonly text?: string | null;
  readonly usage: Usage | null;
  readonly error: JobError | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** 1 = next; only while queued */
  readonly queuePosition?: number;
}
