import { z } from 'zod';
import { countedArray, countedRecord } from './counted.ts';
import { type Message, messageSchema } from './message.ts';
import { checkOutput, type ModelParameters, outputFields, samplingFields } from './model-parameters.ts';
import { BUILT_IN_PIPELINE } from './queue.ts';

/** The body of `POST /jobs`. Unknown fields are refused; exactly one of `query` and `messages` is given.
 *  The API also checks the limits that depend on settings (pipelines, models, the cap of `timeoutMs`).
 *  @see PROTOCOL.md §2 */
export const createJobSchema = z
  .strictObject({
    query: z.string().min(1).optional().describe('Shorthand for one user message.'),
    messages: countedArray(messageSchema, { most: 1_000 }).optional().describe('The conversation.'),
    pipeline: z.string().min(1).max(64).default(BUILT_IN_PIPELINE).describe('Which LangChain pipeline answers.'),
    model: z.string().min(1).max(128).optional().describe('`provider:name`, or a bare name for the default provider.'),
    ...samplingFields,
    ...outputFields,
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
  })
  .superRefine(checkOutput);

export type CreateJobBody = z.infer<typeof createJobSchema>;

/** What a worker needs from a request: stored once, in the job's record. The queue entry carries only the id. */
export interface JobRequest extends ModelParameters {
  readonly messages: readonly Message[];
  readonly pipeline: string;
  /** `provider:name` */
  readonly model: string;
  readonly onDisconnect: 'continue' | 'cancel';
  readonly onCrash: 'restart' | 'fail';
  /** wall clock from the start of the attempt, milliseconds */
  readonly timeoutMs: number;
}
