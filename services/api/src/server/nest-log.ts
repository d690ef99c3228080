import type { Logger } from '@millrace/runtime';
import type { LoggerService } from '@nestjs/common';

/** Nest's own messages, as lines of our log. Its chatter at start is for debugging. */
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
