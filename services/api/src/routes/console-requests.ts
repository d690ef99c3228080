import { type EventId, isEventId, JOB_STATUSES } from '@millrace/contracts';
import { z } from 'zod';
import { tenantSchema } from './access-requests.ts';

/** The query string of `GET /console/jobs`. */
export const findJobsQuerySchema = z.object({
  id: z.string().max(64).optional().describe('Only jobs with this id; of any tenant, for admins.'),
  status: z.enum(JOB_STATUSES).optional().describe('Only jobs of this status.'),
  tenant: tenantSchema.optional().describe('Only jobs of this tenant; for admins.'),
  pipeline: z.string().max(64).optional().describe('Only jobs of this pipeline.'),
  model: z.string().max(200).optional().describe('Only jobs that named this model, `provider:name`.'),
  limit: z.coerce.number().int().min(1).max(100).default(20).describe('Jobs per page.'),
  cursor: z.string().max(64).optional().describe('`nextCursor` of the previous page.'),
});

/** The body of `POST /console/jobs/:id/content`. */
export const revealSchema = z.strictObject({
  reason: z.string().trim().min(3).max(200).describe('Why it is read; it goes into the audit log.'),
  after: z
    .string()
    .refine((id): id is EventId => isEventId(id), 'must be an event id')
    .optional()
    .describe('`nextCursor` of the previous page.'),
});

/** The query string of `GET /console/tenants`. */
export const tenantsQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(50).describe('Tenants per page.'),
  cursor: z.string().max(64).optional().describe('`nextCursor` of the previous page.'),
});
