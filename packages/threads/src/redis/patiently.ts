import { retryWhileUnavailable } from '@millrace/stream-log';

/** Repeats a command that may be sent twice until Redis answers.
 *  @param signal ends the waiting: its reason is thrown then
 *  @throws what Redis will not accept later either */
export async function patiently<Reply>(command: () => Promise<Reply>, signal?: AbortSignal): Promise<Reply> {
  const reply = await retryWhileUnavailable(command, () => signal?.aborted ?? false);
  if (reply === undefined) signal?.throwIfAborted();
  return reply as Reply;
}
