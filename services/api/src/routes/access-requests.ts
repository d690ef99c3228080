import { requestIdSchema, threadIdSchema } from '@millrace/contracts';
import { z } from 'zod';
import { ROLES, TENANT } from '../api-keys.ts';
import { MAX_TOKEN_SECONDS, RIGHTS } from '../credentials/tokens.ts';

/** Jobs and threads of one token: it must fit into a URL and a header. */
const MAX_NAMED = 50;
/** Ten years. */
const MAX_KEY_SECONDS = 315_360_000;

/** The name of a tenant in a path, query or body. */
export const tenantSchema = z.string().regex(TENANT, 'must be 1 to 64 of A-Z, a-z, 0-9, "_" and "-"');

/** The body of `POST /tokens`. */
export const createTokenSchema = z
  .strictObject({
    jobs: z
      .array(requestIdSchema)
      .max(MAX_NAMED)
      .default([])
      .describe('The jobs that it is for; they may be yet to come.'),
    threads: z
      .array(threadIdSchema)
      .max(MAX_NAMED)
      .default([])
      .describe('The threads that it is for, with their jobs.'),
    may: z
      .array(z.enum(RIGHTS))
      .min(1)
      .refine((rights) => rights.includes('watch'), 'must have "watch"')
      .refine((rights) => new Set(rights).size === rights.length, 'must not name a right twice')
      .describe('`watch`, and `cancel` or `create`.'),
    expiresInSeconds: z.number().int().min(1).max(MAX_TOKEN_SECONDS).describe('How long it holds.'),
  })
  .check((context) => {
    const { jobs, threads, may } = context.value;
    const issue = (path: string, message: string) =>
      context.issues.push({ code: 'custom', path: [path], message, input: context.value });
    if (jobs.length + threads.length === 0) issue('jobs', 'must name a job, or "threads" a thread');
    if (may.includes('create') && threads.length === 0) issue('threads', 'must name a thread to create jobs in');
  });

/** The body of `POST /keys`. */
export const createKeySchema = z.strictObject({
  tenant: tenantSchema.describe('Whose it is; a tenant needs no other set-up.'),
  role: z.enum(ROLES).default('user').describe('What its holder may do.'),
  name: z.string().max(100).optional().describe('What people call it.'),
  expiresInSeconds: z
    .number()
    .int()
    .min(1)
    .max(MAX_KEY_SECONDS)
    .optional()
    .describe('How long it holds; else until deleted.'),
});

/** The query string of the paths of tokens. */
export const tokenQuerySchema = z.object({
  tenant: tenantSchema.optional().describe('Whose token an admin means; else the own tenant’s.'),
});

/** An id of a key or token in a path. */
export const credentialIdSchema = z.uuid('must be the id of a key or token');
