import { randomUUID } from 'node:crypto';
import { logLimits } from '@millrace/contracts';
import { createLogger, type Logger, loadSettings, redisFactory, redisUrlsOf } from '@millrace/runtime';
import { JobCatalogue, JobReader, KeySpace, RestoredJobs } from '@millrace/stream-log';
import { type ApiSettings, apiSettingsSchema } from './settings.ts';

/** To be run once when Redis has been restored from a backup, before API and workers reach it: with the environment of an API node,
 *  `node services/api/dist/restored-main.js`. Of several shards (REDIS_URLS) the number of the one that was
 *  restored comes after it. Run again, it does no harm. @see docs/operations.md, "Backups" */
async function main(settings: ApiSettings, logger: Logger): Promise<void> {
  const factory = redisFactory(restoredUrl(settings), { name: 'millrace-restored', logger });
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

function restoredUrl(settings: ApiSettings): string {
  const { urls } = redisUrlsOf(settings);
  const [number = urls.length === 1 ? '0' : '', ...others] = process.argv.slice(2);
  const url = /^\d+$/.test(number) && others.length === 0 ? urls[Number(number)] : undefined;
  if (url === undefined)
    throw new TypeError(
      `say which shard was restored, and run it once for each: a number from 0 to ${urls.length - 1}`,
    );
  return url;
}

const settings = loadSettings(apiSettingsSchema, process.env);
const logger = createLogger({ service: 'restored', level: settings.MILLRACE_LOG_LEVEL });
try {
  await main(settings, logger);
} catch (error) {
  logger.fatal({ err: error, reason: error instanceof Error ? error.message : String(error) }, 'not restored');
  process.exitCode = 1;
}
