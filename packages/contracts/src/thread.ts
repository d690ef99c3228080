import { z } from 'zod';
import type { Interrupt } from './agent.ts';
import { countedRecord } from './counted.ts';
import { requestIdSchema } from './request-id.ts';

/** The id of a thread, chosen by the client or made by the service. */
export const threadIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 characters of A-Z, a-z, 0-9, "_" and "-"');

const metadataSchema = countedRecord(z.string().max(64), z.string().max(512), { most: 16 });

/** The body of `POST /threads`. @see PROTOCOL.md §10 */
export const createThreadSchema = z.strictObject({
  id: threadIdSchema.optional().describe('Chosen by the client; made by the service if left out.'),
  metadata: metadataSchema.optional().describe('Merged with the metadata of a thread that exists.'),
});

export type CreateThreadBody = z.infer<typeof createThreadSchema>;

/** A place in a conversation. */
const forkPlaceSchema = z
  .strictObject({
    messageId: z.string().min(1).max(256).optional().describe('As `GET /threads/:id/messages` gives it.'),
    jobId: requestIdSchema.optional().describe('All messages that the job brought and said.'),
  })
  .refine(({ messageId, jobId }) => (messageId === undefined) !== (jobId === undefined), {
    error: 'must have either messageId or jobId',
  });

/** The body of `POST /threads/:id/fork`. @see PROTOCOL.md §10 */
export const forkThreadSchema = z
  .strictObject({
    id: threadIdSchema.optional().describe('Of the new thread; made by the service if left out.'),
    before: forkPlaceSchema.optional().describe('The new thread has what was before it.'),
    after: forkPlaceSchema.optional().describe('The new thread has what was up to it, and it.'),
    checkpointId: z.string().min(1).max(128).optional().describe('Of an agent: where the new thread begins.'),
  })
  .refine(
    ({ before, after, checkpointId }) => [before, after, checkpointId].filter((at) => at !== undefined).length < 2,
    {
      error: 'must have at most one of before, after and checkpointId',
    },
  );

export type ForkThreadBody = z.infer<typeof forkThreadSchema>;

/** Names a thread in the whole deployment: `<tenant>.<threadId>`. Like job ids, thread ids belong to tenants. */
export type ThreadRef = `${string}.${string}`;

/** @param tenant whose thread it is
 *  @param threadId has no dot */
export function threadRef(tenant: string, threadId: string): ThreadRef {
  return `${tenant}.${threadId}`;
}

export type ThreadStatus = 'idle' | 'busy' | 'interrupted' | 'error';

/** A thread as the API shows it. Times are ISO 8601. @see PROTOCOL.md §10 */
export interface ThreadView {
  readonly id: string;
  readonly status: ThreadStatus;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** id of the job that runs, or is about to */
  readonly activeJob: string | null;
  /** id of the job that ended last */
  readonly lastJob: string | null;
  /** open questions of its agent */
  readonly interrupts: readonly Interrupt[];
}
