import { type DestinationStream, type Logger, type LoggerOptions, pino, stdTimeFunctions } from 'pino';

export type { Logger } from 'pino';

/** Fields that are never logged, wherever they stand in the first three levels of an entry. */
const REDACTED = ['authorization', 'apiKey', 'password', 'prompt', 'messages', 'query', 'text', 'metadata'];

const CREDENTIALS_IN_URL = /([a-z][a-z0-9+.-]*:\/\/)[^/\s"]*@/gi;

/** Takes the user and password out of every URL in a text. */
export function withoutCredentials(text: string): string {
  return text.replace(CREDENTIALS_IN_URL, '$1[redacted]@');
}

export interface LoggerSettings {
  /** the process's part: `api`, `worker` */
  readonly service: string;
  readonly level: string;
  /** where the lines go; stdout when left out */
  readonly destination?: DestinationStream;
}

/** JSON lines on stdout: `level` (a word), `time` (ISO 8601), `service`, `pid`, `msg`, and what the call adds.
 *  Never a prompt, a token or a secret: known fields are redacted, credentials are cut out of URLs, and an error is
 *  reduced to its type, code, message and stack (an ioredis error carries the arguments of its command). */
export function createLogger({ service, level, destination }: LoggerSettings): Logger {
  const options: LoggerOptions = {
    level,
    base: { service, pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: REDACTED.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[redacted]' },
    serializers: { err: plainError, error: plainError },
    hooks: { streamWrite: withoutCredentials },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

function plainError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack, cause } = error;
  const code = 'code' in error ? error.code : undefined;
  return { type: name, code, message, stack, ...(cause === undefined ? {} : { cause: plainError(cause) }) };
}
