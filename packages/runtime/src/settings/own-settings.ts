import { z } from 'zod';
import { parseRedisUrl } from './redis-url.ts';

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
};

/** What is logged. Spread into the schema of every service. */
export const logSettings = {
  MILLRACE_LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('The least severe level that is logged'),
};
