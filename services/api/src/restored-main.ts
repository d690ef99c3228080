import { randomUUID } from 'node:crypto';
import { logLimits } from '@millrace/contracts';
import { createLogger, loadSettings, redisFactory } from '@millrace/runtime';
import { JobCatalogue, JobReader, KeySpace, RestoredJobs } from '@millrace/stream-log';
import { apiSettingsSchema } from './settings.ts';

/** To be run once when Redis has been restored from a backup, before API and workers reach it: with the environment of an API node,
 *  `node services/api/dist/restored-main.js`. Run again, it does no harm. @see docs/operations.md, "Backups" */
async function main(): Promise<void> {
  const settings = loadSettings(apiSettingsSchema, process.env);
  const logger = createLogger({ service: 'restored', level: settings.MILLRACE_LOG_LEVEL });
  const factory = redisFactory(settings.REDIS_URL, { name: 'millrace-restored', logger });
  const redis = factory.connect('command');
  const keys = new KeySpace(settings.MILLRACE_KEY_PREFIX);
  const jobs = new RestoredJobs(redis, keys, logLimits(settings), randomUUID());
  try {
    const count = await jobs.renumber(new JobCatalogue(redis, keys, new JobReader(redis, keys)));
    logger.info({ jobs: count }, 'restored');
  } finally {
    factory.close();
  }
}

await main();
