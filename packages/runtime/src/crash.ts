import type { Logger } from './log/logger.ts';

/** Ends the process with exit code 1 on an error that nobody caught, as Node does, but says so in the log's own way: Node
 *  writes the whole message to stderr, and a promise that a pipeline left alone may be rejected with a prompt. */
export function logCrashes(logger: Logger): void {
  process.on('uncaughtException', (error, origin) => {
    logger.fatal({ err: error, origin }, 'crashed');
    process.exit(1);
  });
}
