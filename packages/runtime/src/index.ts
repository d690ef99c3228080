export { logCrashes, outliveRejections } from './crash.ts';
export { exposeMetrics } from './exposition.ts';
export type { PlainErrorClass } from './log/error-outline.ts';
export { createLogger, type Logger, type LoggerSettings } from './log/logger.ts';
export { exemplarOf, metricsRegistry, scriptLatency, tracedHistogram } from './metrics.ts';
export { hostOf, isPrivateUrl, PrivateAddress, publicLookup, type Resolver } from './net/public-address.ts';
export { BULLMQ_MAX_BLOCK_MS, type RedisRole } from './redis/connection-options.ts';
export {
  type ConnectOptions,
  type RedisConnection,
  type RedisFactory,
  type RedisFactoryOptions,
  redisFactory,
  sendTogether,
} from './redis/redis-factory.ts';
export { describeSettings, type SettingRow } from './settings/describe-settings.ts';
export { loadSettings } from './settings/load-settings.ts';
export { logSettings, redisSettings } from './settings/own-settings.ts';
export { type ParsedRedisUrl, parseRedisUrl, type RedisAddress } from './settings/redis-url.ts';
export { type RedisUrls, redisUrlsOf, shardsInUseExist } from './settings/redis-urls.ts';
export { type SettingProblem, SettingsError } from './settings/settings-error.ts';
export { onShutdown, type ShutdownOptions, type ShutdownStep } from './shutdown.ts';
