import { z } from 'zod';

/** What can be limited for a tenant, in the order in which it is shown. @see PROTOCOL.md §11 */
export const LIMIT_NAMES = [
  'requestsPerMinute',
  'queuedJobs',
  'activeJobs',
  'streams',
  'storedBytes',
  'tokensPerDay',
] as const;
export type LimitName = (typeof LIMIT_NAMES)[number];

/** The limits of a tenant; null: none. */
export type TenantLimits = Readonly<Record<LimitName, number | null>>;

/** The limits that an admin has set for a tenant. A limit that is absent is as the settings say; null lifts it. */
export type LimitOverrides = Readonly<Partial<TenantLimits>>;

/** The largest integer of a structured field, RFC 9651 §3.3.1: headers tell limits. */
const MAX_LIMIT = 999_999_999_999_999;

const limitSchema = z.number().int().min(1).max(MAX_LIMIT).nullable();

export const limitOverridesSchema = z.strictObject({
  requestsPerMinute: limitSchema
    .exactOptional()
    .describe('Requests within a minute, those that watch or cancel aside.'),
  queuedJobs: limitSchema.exactOptional().describe('Unfinished jobs: those that wait and those that run.'),
  activeJobs: limitSchema.exactOptional().describe('Jobs that run at a time, on all workers together.'),
  streams: limitSchema.exactOptional().describe('Open streams on all nodes, with requests that wait for an answer.'),
  storedBytes: limitSchema
    .exactOptional()
    .describe('Bytes that prompts, answers, records and threads take up in Redis.'),
  tokensPerDay: limitSchema.exactOptional().describe('Tokens that its jobs read and write within a day of UTC.'),
});

/** What is stored of {@link limitOverridesSchema}. Another version of the service may have stored further limits. */
export const storedLimitsSchema = limitOverridesSchema.strip();
