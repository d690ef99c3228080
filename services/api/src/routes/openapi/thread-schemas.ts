import 'zod-openapi';
import { createThreadSchema, forkThreadSchema, messageSchema, threadIdSchema } from '@millrace/contracts';
import { z } from 'zod';
import { interrupt, pageFields, requestId } from './schemas.ts';

export const createThread = createThreadSchema.meta({ id: 'CreateThread' });
export const forkThread = forkThreadSchema.meta({ id: 'ForkThread' });

export const thread = z
  .object({
    id: threadIdSchema,
    status: z.enum(['idle', 'busy', 'interrupted', 'error']),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    metadata: z.record(z.string(), z.string()),
    activeJob: requestId.nullable().describe('The job that runs, or is about to.'),
    lastJob: requestId.nullable().describe('The job that ended last.'),
    interrupts: z.array(interrupt).describe('Open questions of its agent.'),
  })
  .meta({ id: 'Thread' });

const { nextCursor } = pageFields;

export const threadList = z
  .object({ items: z.array(thread).describe('Newest first.'), ...pageFields })
  .meta({ id: 'ThreadList' });

const message = z
  .object({
    ...messageSchema.shape,
    messageId: z.string().optional(),
    jobId: requestId
      .nullable()
      .describe('The job that brought or said it; null where an agent’s thread does not know.'),
  })
  .meta({ id: 'ThreadMessage' });

export const threadMessages = z
  .object({ items: z.array(message).describe('Oldest first.'), nextCursor })
  .meta({ id: 'ThreadMessages' });

const values = z.record(z.string(), z.unknown()).describe('The state by channel.');

const checkpoint = z
  .object({
    checkpointId: z.string(),
    parentId: z.string().nullable(),
    createdAt: z.iso.datetime(),
    values,
    next: z.array(z.string()).describe('Nodes that run next; empty where the agent has ended.'),
    interrupts: z.array(interrupt),
    metadata: z.record(z.string(), z.unknown()),
    origin: z
      .object({ job: requestId, attempt: z.number().int(), seq: z.number().int() })
      .nullable()
      .describe('Which attempt wrote it, and the last event that it covers.'),
  })
  .meta({ id: 'Checkpoint' });

export const state = z
  .union([checkpoint, z.object({ values: z.object({ messages: z.array(message) }) })])
  .meta({ id: 'ThreadState' });

export const history = z
  .object({ items: z.array(checkpoint).describe('Newest first.'), nextCursor })
  .meta({ id: 'ThreadHistory' });
