import { isErrorReply, isTransientReply } from '@millrace/stream-log';

/** A Redis that does not let this service in: an operator's mistake, not the caller's. */
const NO_ACCESS = /^(NOAUTH|WRONGPASS)\b/;

/** Errors of ioredis and its sockets have a name or a code; these have a message only. */
const CONNECTION_MESSAGES = new Set([
  'Connection is closed.',
  'Command timed out',
  "Stream isn't writeable and enableOfflineQueue options is false",
]);
const CONNECTION_NAMES = new Set(['MaxRetriesPerRequestError', 'ClusterAllFailedError', 'AbortError']);
const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
]);

/** Whether an error means that Redis is down or cannot serve: the caller gets 503 and may try again (law 12). */
export function isRedisFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (CONNECTION_NAMES.has(error.name) || CONNECTION_MESSAGES.has(error.message)) return true;
  if (isErrorReply(error)) return isTransientReply(error) || NO_ACCESS.test(error.message);
  return 'code' in error && typeof error.code === 'string' && CONNECTION_CODES.has(error.code);
}
