import { JOB_STATUSES, threadIdSchema } from '@millrace/contracts';
import { z } from 'zod';
import { tenantSchema } from './access-requests.ts';

/** The fields of a job that cost a read of its log. */
export const COSTLY_FIELDS = ['text', 'messages'] as const;
export type CostlyField = (typeof COSTLY_FIELDS)[number];

/** The query string of paths with a job's id. */
export const jobQuerySchema = z.object({
  tenant: tenantSchema.optional().describe('Whose job an admin means, if several tenants have one with this id.'),
});

/** The query string of paths with a thread's id. */
export const threadQuerySchema = z.object({
  tenant: tenantSchema.optional().describe('Whose thread an admin means, if several tenants have one with this id.'),
});

/** The query string of `GET /jobs/:id`. */
export const getQuerySchema = jobQuerySchema.extend({ include: includeSchema('text') });

/** The query string of `DELETE /jobs/:id`. */
export const cancelJobQuerySchema = jobQuerySchema.extend({ include: includeSchema('') });

function includeSchema(byDefault: string) {
  return z
    .string()
    .default(byDefault)
    .transform((words) => words.split(',').filter((word) => word !== ''))
    .pipe(z.array(z.enum(COSTLY_FIELDS, `must be a list of: ${COSTLY_FIELDS.join(', ')}; or empty`)))
    .describe('Costly fields to include, comma-separated: `text`, `messages`; empty for none.');
}

/** The query string of `GET /jobs`. */
export const listQuerySchema = z.object({
  status: z.enum(JOB_STATUSES).optional().describe('Only jobs of this status.'),
  limit: z.coerce.number().int().min(1).max(100).default(20).describe('Jobs per page.'),
  cursor: z.string().max(64).optional().describe('`nextCursor` of the previous page.'),
  tenant: tenantSchema.optional().describe('Only jobs of this tenant; for admins.'),
  threadId: threadIdSchema
    .optional()
    .describe('Only jobs of this thread; of the caller’s tenant, unless `tenant` names one.'),
});

/** The query string of `GET /threads`. */
export const threadListQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20).describe('Threads per page.'),
  cursor: z.string().max(64).optional().describe('`nextCursor` of the previous page.'),
  tenant: tenantSchema.optional().describe('Only threads of this tenant; for admins.'),
  search: z
    .string()
    .min(1)
    .max(128)
    .optional()
    .describe('Only threads whose metadata has a `title` with this in it, in any case; pages may be short or empty.'),
});

/** The query string of `GET /threads/:id/messages`. */
export const messagesQuerySchema = threadQuerySchema.extend({
  limit: z.coerce.number().int().min(1).max(100).default(20).describe('Messages per page.'),
  cursor: z.string().max(64).optional().describe('`nextCursor` of the previous page.'),
});

const checkpointId = z.string().min(1).max(128).optional();

/** The query string of `GET /threads/:id/state`. */
export const stateQuerySchema = threadQuerySchema.extend({
  checkpointId: checkpointId.describe('Of an agent: which checkpoint; the newest if left out.'),
});

/** The query string of `GET /threads/:id/history`. */
export const historyQuerySchema = threadQuerySchema.extend({
  limit: z.coerce.number().int().min(1).max(100).default(10).describe('Checkpoints per page.'),
  cursor: z.string().max(128).optional().describe('`nextCursor` of the previous page.'),
  checkpointId: checkpointId.describe('Begin with this checkpoint; the newest if left out.'),
});

/** The query string of `DELETE /jobs`. */
export const cancelQuerySchema = z.object({
  status: z.enum(['queued', 'active']).describe('Cancel all jobs of this status.'),
  tenant: tenantSchema.optional().describe('Only jobs of this tenant.'),
  pipeline: z.string().max(64).optional().describe('Only jobs of this pipeline.'),
});
