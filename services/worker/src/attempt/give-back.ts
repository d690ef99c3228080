import type { AttemptOutcome, AttemptUsage } from '@millrace/contracts';
import type { AttemptWriter } from '@millrace/stream-log';

/** Gives a job back, so that the next attempt starts the answer afresh.
 *  @param usage of this attempt; null when it is not known
 *  @returns how the attempt has ended by that */
export async function giveBack(
  writer: Pick<AttemptWriter, 'release'>,
  reason: 'handover' | 'log-lost' | 'worker-lost',
  usage: AttemptUsage | null = null,
): Promise<AttemptOutcome> {
  const released = await writer.release(reason, usage);
  if (released === 'released') return reason === 'log-lost' ? reason : 'handed-over';
  return released === 'fenced' ? released : 'void';
}
