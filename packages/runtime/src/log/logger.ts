import { type DestinationStream, type Logger, type LoggerOptions, pino, stdTimeFunctions } from 'pino';
import { withoutCredentials } from './credentials.ts';
import { outlineOf, type PlainErrorClass } from './error-outline.ts';

export type { Logger } from 'pino';

/** Fields that are redacted in the first three levels of an entry. */
const REDACTED = [
  'authorization',
  'apiKey',
  'x-api-key',
  'password',
  'prompt',
  'messages',
  'query',
  'text',
  'metadata',
];

export interface LoggerSettings {
  /** `api`, `worker` */
  readonly service: string;
  readonly level: string;
  /** error classes whose messages are safe to log */
  readonly plainErrors?: readonly PlainErrorClass[];
  /** default: stdout */
  readonly destination?: DestinationStream;
}

/** Creates a logger of JSON lines: `level` (a word), `time` (ISO 8601), `service`, `pid`, `msg`, and the fields of the call.
 *  It never logs a prompt, a token or a secret: known fields and credentials in URLs are redacted, and errors are reduced
 *  by {@link outlineOf}. */
export function createLogger({ service, level, plainErrors, destination }: LoggerSettings): Logger {
  const outline = (error: unknown) => outlineOf(error, plainErrors);
  const options: LoggerOptions = {
    level,
    base: { service, pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: {
      paths: REDACTED.flatMap((name) => ['', '*', '*.*'].map((above) => `${above}["${name}"]`)),
      censor: '[redacted]',
    },
    serializers: { err: outline, error: outline },
    hooks: { streamWrite: withoutCredentials },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
