import type { Logger } from './log/logger.ts';

/** One thing to do before the process ends. */
export interface ShutdownStep {
  /** named in the log: `streams`, `queue`, `redis` */
  readonly name: string;
  run(): void | Promise<void>;
}

export interface ShutdownOptions {
  /** all steps together, milliseconds; then the process ends with exit code 1 */
  readonly graceMs: number;
  readonly logger: Logger;
}

const EXIT_CODE_OF_SIGNAL = { SIGTERM: 143, SIGINT: 130 } as const;
type Signal = keyof typeof EXIT_CODE_OF_SIGNAL;

/** Ends the process in good order on SIGTERM or SIGINT: the steps run one after the other, in the order given; a step
 *  that fails is logged and the next one runs all the same.
 *  Exit code: 0 all steps done · 1 a step failed or the grace time ran out · 143 or 130 a second SIGTERM or SIGINT,
 *  which ends the process at once.
 *  @returns starts the same by hand, for a process that finds out that it cannot go on */
export function onShutdown(
  steps: readonly ShutdownStep[],
  { graceMs, logger }: ShutdownOptions,
): (reason: string) => void {
  let begun = false;

  const shutDown = (reason: string) => {
    if (begun) return;
    begun = true;
    logger.info({ reason, graceMs }, 'shutting down');
    const startedAt = performance.now();
    setTimeout(() => {
      logger.error({ graceMs }, 'shutdown took too long');
      process.exit(1);
    }, graceMs);
    void runSteps(steps, logger).then((failed) => {
      logger.info({ durationMs: Math.round(performance.now() - startedAt) }, 'shut down');
      process.exit(failed === 0 ? 0 : 1);
    });
  };

  const onSignal = (signal: Signal) => {
    if (begun) process.exit(EXIT_CODE_OF_SIGNAL[signal]);
    shutDown(signal);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return shutDown;
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
