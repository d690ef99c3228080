import { createLogger, loadSettings, logCrashes, outliveRejections } from '@millrace/runtime';
import { StreamLogError } from '@millrace/stream-log';
import { isTraced, startTracing } from '@millrace/telemetry';
import { ALIVE_FRACTION, type AloneOrder, type AloneReport } from './alone/messages.ts';
import { type AloneRunner, createAloneRunner } from './create-alone-runner.ts';
import { useModelConnections } from './pipelines/models/openai/model-connections.ts';
import { workerSettingsSchema } from './settings.ts';

/** How long the hand-over may take once the worker that started this process is gone, milliseconds. */
const HANDOVER_MS = 5_000;

type RunOrder = Extract<AloneOrder, { kind: 'run' }>;

/** Runs one job that may be what ends its workers, and ends. */
async function main(): Promise<void> {
  const stopping = new AbortController();
  const run = Promise.withResolvers<RunOrder>();
  let runner: AloneRunner | undefined;
  const stop = () => stopping.abort();
  process.on('message', (order: AloneOrder) => {
    if (order.kind === 'run') run.resolve(order);
    else runner?.drain(order.reason);
    if (order.kind === 'stop') stop();
  });
  process.on('disconnect', () => {
    // the job has done nothing wrong: it moves, and this counts as no loss
    stop();
    setTimeout(() => process.exit(1), HANDOVER_MS);
  });
  // a terminal signals the whole group; the worker says when to stop
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => undefined);

  const settings = loadSettings(workerSettingsSchema, process.env);
  const live = async () => report({ kind: 'alive', counts: (await runner?.counts()) ?? null });
  setInterval(() => void live(), settings.MILLRACE_WORKER_LOCK_MS * ALIVE_FRACTION);
  const logger = createLogger({ service: 'worker', level: settings.MILLRACE_LOG_LEVEL, plainErrors: [StreamLogError] });
  logCrashes(logger, (error, origin) => runner?.blame(error, origin) ?? false);
  outliveRejections(logger, () => runner?.accused() ?? {});
  useModelConnections({ isTraced: isTraced(settings) });
  const tracing = await startTracing(settings, { name: 'worker', logger });
  runner = await createAloneRunner(settings, logger, (attempt) => report({ kind: 'began', attempt }));
  const { pickUp, attempt } = await runner.run(await run.promise, stopping.signal);
  await report({ kind: 'ended', pickUp, attempt, counts: await runner.counts() });
  await Promise.all([runner.close(), tracing.close()]);
}

/** Resolves when it was sent, or cannot be: the worker is gone. */
function report(message: AloneReport): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}

await main();
process.exit(0);
