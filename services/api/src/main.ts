import { createLogger, loadSettings, logCrashes, onShutdown, SettingsError } from '@millrace/runtime';
import { StreamLogError } from '@millrace/stream-log';
import { startTracing } from '@millrace/telemetry';
import { createApp } from './app.ts';
import { Problem } from './http/problem.ts';
import { type ApiSettings, apiSettingsSchema } from './settings.ts';

/** Time for running requests and for closing connections, beyond the times of the settings, milliseconds. */
const CLOSE_MS = 5_000;

const settings = settingsOrExit();
const { MILLRACE_DRAIN_MS: drainMs, MILLRACE_LINGER_MS: lingerMs } = settings;
const logger = createLogger({
  service: 'api',
  level: settings.MILLRACE_LOG_LEVEL,
  plainErrors: [StreamLogError, Problem],
});
logCrashes(logger);
try {
  const tracing = await startTracing(settings, { name: 'api', logger });
  const api = await createApp(settings, logger);
  onShutdown(
    [
      { name: 'streams', run: api.drain },
      { name: 'server', run: api.close },
      { name: 'traces', run: tracing.close },
    ],
    { graceMs: Math.max(drainMs, lingerMs) + lingerMs + CLOSE_MS, logger },
  );
  logger.info({ url: await api.listen() }, 'listening');
} catch (error) {
  // no request was accepted yet, so the message quotes no prompt
  const reason = error instanceof Error ? error.message : String(error);
  logger.fatal({ err: error, reason, host: settings.HOST, port: settings.PORT }, 'cannot start');
  process.exit(1);
}

function settingsOrExit(): ApiSettings {
  try {
    return loadSettings(apiSettingsSchema, process.env);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}
