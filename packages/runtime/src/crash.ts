import type { Logger } from './log/logger.ts';

/** Logs an uncaught error and exits with code 1. Node's default writes the whole message to stderr, and a promise that a
 *  pipeline left unhandled may reject with a prompt. */
export function logCrashes(logger: Logger): void {
  process.on('uncaughtException', (error, origin) => {
    logger.fatal({ err: error, origin }, 'crashed');
    process.exit(1);
  });
}

/** Logs a rejection that nobody handles, and lets the process live on: for a process that runs code of others, where one
 *  agent's forgotten promise must not end the jobs of all. */
export function outliveRejections(logger: Logger): void {
  process.on('unhandledRejection', (reason) => logger.error({ err: reason }, 'unhandled rejection'));
}
