import type { Logger } from '@millrace/runtime';
import type { LoggerService } from '@nestjs/common';

/** Writes Nest's messages to our log. What it reports at start is for debugging only. */
export class NestLog implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, context?: unknown): void {
    this.logger.debug({ context }, String(message));
  }

  warn(message: unknown, context?: unknown): void {
    this.logger.warn({ context }, String(message));
  }

  error(message: unknown, ...details: unknown[]): void {
    const context = details.at(-1);
    if (message instanceof Error) this.logger.error({ context, err: message }, 'nest');
    else this.logger.error({ context }, String(message));
  }
}
