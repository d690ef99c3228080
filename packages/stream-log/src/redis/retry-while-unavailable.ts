import { setTimeout as delay } from 'node:timers/promises';

/** Between two tries of a command that Redis could not take for the moment. */
const RETRY_MS = 200;

/** A connection that says for this many tries on end that it is closed was closed by this process. */
const MAX_CLOSED = 25;

/** Tries until Redis answers: for a worker, which rides out an outage, and for commands that may be sent twice. The
 *  connection logs the outage.
 *  @param givesUp asked after each failure
 *  @param tried the first try, where it has been made already
 *  @returns undefined when given up
 *  @throws what Redis will not take later either */
export async function patiently(
  command: () => Promise<unknown>,
  givesUp: () => boolean = () => false,
  tried?: Promise<unknown>,
): Promise<unknown> {
  for (let closed = 0, reply = tried; ; reply = undefined) {
    try {
      return await (reply ?? command());
    } catch (error) {
      closed = isClosed(error) ? closed + 1 : 0;
      if (!isPassing(error) || closed > MAX_CLOSED) throw error;
      if (givesUp()) return undefined;
      await delay(RETRY_MS);
    }
  }
}

/** Redis error replies that pass: the first word of the message is their code. */
const PASSING = /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|OOM|MISCONF|BUSY|UNKILLABLE)\b/;

/** @returns true for a lost connection, a timeout, or a server that will take the same command later */
function isPassing(error: unknown): boolean {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return true;
  return PASSING.test(error.message);
}

/** ioredis has no class of its own for it; a cluster says it in passing too, while a node is replaced. */
function isClosed(error: unknown): boolean {
  return error instanceof Error && error.message === 'Connection is closed.';
}
