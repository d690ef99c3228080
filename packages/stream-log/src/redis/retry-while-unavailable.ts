import { setTimeout as delay } from 'node:timers/promises';
import { ContentUnreadable } from '../errors.ts';
import { isErrorReply, isTransientReply } from './transient-errors.ts';

/** How long to wait between two tries, milliseconds. */
const RETRY_MS = 200;

/** A connection that reports for this many tries in a row that it is closed was closed by this process. */
const MAX_CLOSED = 25;

/** Repeats a command until Redis answers. For a worker, which rides out an outage, and for commands that may be sent
 *  twice. The connection logs the outage.
 *  @param givesUp asked after each failure
 *  @param tried the first try, if it has been made already
 *  @returns the reply; undefined when given up
 *  @throws what Redis will not accept later either */
export async function retryWhileUnavailable<Reply>(
  command: () => Promise<Reply>,
  givesUp: () => boolean = () => false,
  tried?: Promise<Reply>,
): Promise<Reply | undefined> {
  for (let closed = 0, reply = tried; ; reply = undefined) {
    try {
      return await (reply ?? command());
    } catch (error) {
      closed = isClosed(error) ? closed + 1 : 0;
      if (!isTransient(error) || closed > MAX_CLOSED) throw error;
      if (givesUp()) return undefined;
      await delay(RETRY_MS);
    }
  }
}

/** @returns true for a lost connection, a timeout, or a server that will accept the same command later */
function isTransient(error: unknown): boolean {
  // Redis has answered: what it has cannot be read
  if (error instanceof ContentUnreadable) return false;
  return !isErrorReply(error) || isTransientReply(error);
}

/** ioredis has no class for it. A cluster reports it briefly, too, while a node is replaced. */
function isClosed(error: unknown): boolean {
  return error instanceof Error && error.message === 'Connection is closed.';
}
