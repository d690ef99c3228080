/** Codes of error replies by which a Redis that is up says that it cannot serve now, but will take the same command later. The
 *  first word of a reply's message is its code. */
const TRANSIENT =
  /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|OOM|MISCONF|BUSY|UNKILLABLE|UNBLOCKED)\b/;

/** Whether Redis itself answered, and with an error.
 *  @returns false for a lost connection or a timeout */
export function isErrorReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}

/** Whether an error reply is transient: Redis will take the same command later. */
export function isTransientReply(error: unknown): boolean {
  return error instanceof Error && isErrorReply(error) && TRANSIENT.test(error.message);
}
