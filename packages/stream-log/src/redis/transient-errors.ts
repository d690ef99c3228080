/** Codes of error replies by which a Redis that is up says that it cannot serve now, but will take the same command later. The
 *  first word of a reply's message is its code. */
const TRANSIENT =
  /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|OOM|MISCONF|BUSY|UNKILLABLE|UNBLOCKED)\b/;

/** Code of the error reply by which our scripts refuse what a newer version has written: see `lua/shared/format.lua`. */
const NEWER_FORMAT = /^NEWERFORMAT\b/;

/** Whether a script has refused what a newer version has written. */
export function isNewerFormatReply(error: unknown): boolean {
  return error instanceof Error && isErrorReply(error) && NEWER_FORMAT.test(error.message);
}

/** Whether Redis itself answered, and with an error.
 *  @returns false for a lost connection or a timeout */
export function isErrorReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}

/** Whether an error reply is transient: Redis will take the same command later. */
export function isTransientReply(error: unknown): boolean {
  return error instanceof Error && isErrorReply(error) && TRANSIENT.test(error.message);
}
