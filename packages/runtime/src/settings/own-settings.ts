import { z } from 'zod';
import { parseRedisUrl } from './redis-url.ts';
import { parseRedisUrls } from './redis-urls.ts';

/** Where Redis is. Spread into the schema of every service. */
export const redisSettings = {
  REDIS_URL: z
    .string()
    .default('redis://127.0.0.1:6379')
    .superRefine((url, context) => {
      const parsed = parseRedisUrl(url);
      if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.problem });
    })
    .describe(
      'Redis: redis[s]://[user:pass@]host:port[/db], redis[s]+sentinel://[user:pass@]host:26379,…/master[/db] or redis[s]+cluster://[user:pass@]host:7000,…',
    ),
  REDIS_URLS: z
    .string()
    .optional()
    .superRefine((urls, context) => {
      const parsed = urls === undefined ? null : parseRedisUrls(urls);
      if (parsed?.ok === false) context.addIssue({ code: 'custom', message: parsed.problem });
    })
    .describe(
      'Several independent deployments of Redis (shards) instead of one: URLs like REDIS_URL, with blanks between them, and "|" before those that were added later. The same in every process; never change their order',
    ),
  MILLRACE_SHARDS_IN_USE: z.coerce
    .number()
    .int()
    .min(1)
    .optional()
    .describe(
      'How many of REDIS_URLS, from the first, get new jobs and threads; default: all. While a shard is being added: the number before',
    ),
};

/** What is logged. Spread into the schema of every service. */
export const logSettings = {
  MILLRACE_LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('The least severe level that is logged'),
};
