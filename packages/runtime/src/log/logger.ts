import { type DestinationStream, type Logger, type LoggerOptions, pino, stdTimeFunctions } from 'pino';
import { withoutCredentials } from './credentials.ts';
import { outlineOf, type PlainErrorClass } from './error-outline.ts';

export type { Logger } from 'pino';

/** Fields that are never logged, wherever they stand in the first three levels of an entry. */
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
  /** the process's part: `api`, `worker` */
  readonly service: string;
  readonly level: string;
  /** classes of errors whose messages quote nobody, and are therefore logged */
  readonly plainErrors?: readonly PlainErrorClass[];
  /** where the lines go; stdout when left out */
  readonly destination?: DestinationStream;
}

/** JSON lines on stdout: `level` (a word), `time` (ISO 8601), `service`, `pid`, `msg`, and what the call adds.
 *  Never a prompt, a token or a secret: known fields are redacted, credentials are cut out of URLs, and of an error
 *  stays what {@link outlineOf} lets through. */
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
