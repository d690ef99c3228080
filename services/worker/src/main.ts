import {
  createLogger,
  loadSettings,
  logCrashes,
  onShutdown,
  outliveRejections,
  SettingsError,
} from '@millrace/runtime';
import { StreamLogError } from '@millrace/stream-log';
import { isTraced, startTracing } from '@millrace/telemetry';
import { createWorker, type RunningWorker } from './create-worker.ts';
import { addAgentVariables } from './pipelines/agents/agent-pipelines.ts';
import { AgentLoadError } from './pipelines/agents/load-error.ts';
import { useModelConnections } from './pipelines/models/openai/model-connections.ts';
import { listOf, workerSettingsSchema } from './settings.ts';

/** Time after the grace time to hand over jobs and close connections, milliseconds. */
const CLOSING_MS = 5_000;

async function main(): Promise<void> {
  // an agent's file of variables may hold what the settings ask for, such as a key
  await addAgentVariables(listOf(process.env['MILLRACE_GRAPHS']), process.cwd(), process.env);
  const settings = loadSettings(workerSettingsSchema, process.env);
  const logger = createLogger({ service: 'worker', level: settings.MILLRACE_LOG_LEVEL, plainErrors: [StreamLogError] });
  let worker: RunningWorker | undefined;
  let shutDown: ((reason: string) => void) | undefined;
  logCrashes(logger, (error, origin) => {
    if (worker === undefined || shutDown === undefined) return false;
    if (worker.blame(error, origin)) return true;
    logger.fatal({ err: error, origin }, 'crashed');
    worker.crash();
    shutDown('crashed');
    return true;
  });
  outliveRejections(logger, () => worker?.accused() ?? {});
  useModelConnections({ isTraced: isTraced(settings) });
  try {
    const tracing = await startTracing(settings, { name: 'worker', logger });
    const running = await createWorker(settings, logger);
    worker = running;
    shutDown = onShutdown(
      [
        { name: 'worker', run: () => running.close() },
        { name: 'traces', run: () => tracing.close() },
      ],
      { graceMs: settings.MILLRACE_WORKER_GRACE_MS + CLOSING_MS, logger },
    );
    logger.info({ concurrency: settings.MILLRACE_WORKER_CONCURRENCY, healthUrl: running.healthUrl }, 'consuming');
  } catch (error) {
    // no job has run yet: the message cannot quote a prompt
    const details = error instanceof AgentLoadError ? {} : { err: error };
    logger.fatal({ ...details, reason: error instanceof Error ? error.message : String(error) }, 'cannot start');
    process.exit(1);
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof SettingsError || error instanceof AgentLoadError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
