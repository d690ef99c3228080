import type { Logger } from './log/logger.ts';

/** Logs an uncaught error and exits with code 1. Node's default writes the whole message to stderr, and a promise that a
 *  pipeline left unhandled may reject with a prompt.
 *  @param outlives whether the process goes on after an error, or ends by itself; it then has logged it */
export function logCrashes(logger: Logger, outlives: (error: unknown, origin: string) => boolean = () => false): void {
  process.on('uncaughtException', (error, origin) => {
    if (outlives(error, origin)) return;
    logger.fatal({ err: error, origin }, 'crashed');
    process.exit(1);
  });
}

/** Logs a rejection that nobody handles, and lets the process live on: for a process that runs code of others, where one
 *  agent's forgotten promise must not end the jobs of all.
 *  @param details what is known of where it comes from */
export function outliveRejections(logger: Logger, details: () => object = () => ({})): void {
  process.on('unhandledRejection', (reason) => logger.error({ ...details(), err: reason }, 'unhandled rejection'));
}
