import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { operationOf } from './openapi/access.ts';
import { json, problems } from './openapi/responses.ts';
import { UsageController } from './usage.controller.ts';
import { usageQuerySchema } from './usage-query.ts';

const count = z.number().int().nonnegative();

const item = z
  .object({
    day: z.iso.date().optional().describe('With `by=day`.'),
    model: z.string().optional().describe('With `by=model`: `provider:name`.'),
    pipeline: z.string().optional().describe('With `by=pipeline`.'),
    tenant: z.string().optional().describe('With `by=tenant`.'),
    jobs: count.describe('Jobs of which an attempt has ended, or that have ended without one.'),
    attempts: count.describe('With the model that the job named.'),
    inputTokens: count,
    outputTokens: count,
    estimatedTokens: count.describe('How many of these tokens no provider has counted.'),
    cost: z.number().optional().describe('By the prices of the time. Absent if a model of the row had none.'),
  })
  .meta({ id: 'UsageItem' });

/** The path of the ledger. */
export const usagePaths: ZodOpenApiPathsObject = {
  '/usage': {
    get: operationOf(UsageController, 'read', {
      operationId: 'readUsage',
      tags: ['access'],
      summary: 'Read what was used',
      description:
        'Tokens of all attempts, also cancelled, failed and superseded ones. A job counts on the day of its acceptance (UTC). A manager reads the own tenant’s, an admin that of all.',
      requestParams: { query: usageQuerySchema },
      responses: {
        200: json('A row for each value, in its order.', z.object({ items: z.array(item) })),
        ...problems('INVALID_REQUEST'),
      },
    }),
  },
};
