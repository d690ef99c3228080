import type { Logger } from './log/logger.ts';

/** One action before the process exits. */
export interface ShutdownStep {
  /** for the log: `streams`, `queue`, `redis` */
  readonly name: string;
  run(): void | Promise<void>;
}

export interface ShutdownOptions {
  /** limit for all steps together, milliseconds; then the process exits with code 1 */
  readonly graceMs: number;
  readonly logger: Logger;
}

const EXIT_CODE_OF_SIGNAL = { SIGTERM: 143, SIGINT: 130 } as const;
type Signal = keyof typeof EXIT_CODE_OF_SIGNAL;

/** Shuts the process down gracefully on SIGTERM or SIGINT: runs the steps in order, and logs a failed step before it runs the
 *  next one.
 *  Exit code: 0 all steps done · 1 a step failed or the grace time ran out · 143 or 130 a second SIGTERM or SIGINT, which
 *  exits at once.
 *  @returns a function that starts the same shutdown, for a process that cannot continue: it ends with 1 */
export function onShutdown(
  steps: readonly ShutdownStep[],
  { graceMs, logger }: ShutdownOptions,
): (reason: string) => void {
  let hasBegun = false;

  const shutDown = (reason: string, exitCode: number) => {
    if (hasBegun) return;
    hasBegun = true;
    logger.info({ reason, graceMs }, 'shutting down');
    const startedAt = performance.now();
    setTimeout(() => {
      logger.error({ graceMs }, 'shutdown took too long');
      process.exit(1);
    }, graceMs);
    void runSteps(steps, logger).then((failed) => {
      logger.info({ durationMs: Math.round(performance.now() - startedAt) }, 'shut down');
      process.exit(failed === 0 ? exitCode : 1);
    });
  };

  const onSignal = (signal: Signal) => {
    if (hasBegun) process.exit(EXIT_CODE_OF_SIGNAL[signal]);
    shutDown(signal, 0);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return (reason) => shutDown(reason, 1);
}

async function runSteps(steps: readonly ShutdownStep[], logger: Logger): Promise<number> {
  let failed = 0;
  for (const { name, run } of steps) {
    try {
      await run();
    } catch (error) {
      failed += 1;
      logger.error({ step: name, err: error }, 'shutdown step failed');
    }
  }
  return failed;
}
