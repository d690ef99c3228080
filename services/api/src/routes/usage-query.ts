import { DAY_MS } from '@millrace/contracts';
import { z } from 'zod';
import { USAGE_GROUPS } from '../jobs/read-usage.ts';
import { tenantSchema } from './access-requests.ts';

/** How long days are kept. */
const MAX_DAYS = 400;
const DEFAULT_DAYS = 30;

const date = z.iso.date('must be a day, such as 2026-01-31');

/** The query string of `GET /usage`. Its output counts days since 1970, UTC. */
export const usageQuerySchema = z
  .object({
    from: date.optional().describe('The first day, UTC; 29 days before `to` if left out.'),
    to: date.optional().describe('The last day, UTC; today if left out.'),
    by: z.enum(USAGE_GROUPS).default('day').describe('What each row is about.'),
    tenant: tenantSchema.optional().describe('Only of this tenant; for admins.'),
  })
  .transform(({ from, to, ...rest }, context) => {
    const last = to === undefined ? Math.floor(Date.now() / DAY_MS) : dayOf(to);
    const first = from === undefined ? last - DEFAULT_DAYS + 1 : dayOf(from);
    const refuse = (message: string) => {
      context.issues.push({ code: 'custom', path: ['from'], message, input: from });
      return z.NEVER;
    };
    if (first > last) return refuse('must not be after "to"');
    if (last - first >= MAX_DAYS) return refuse(`must be within ${MAX_DAYS} days before "to"`);
    return { ...rest, from: first, to: last };
  });

function dayOf(text: string): number {
  return Date.parse(text) / DAY_MS;
}
