import type { SaidMessage } from '@millrace/contracts';
import { LogExpired, nullIfLost } from '../errors.ts';
import type { JobReader } from './job-reader.ts';
import { MessagesJson } from './messages-json.ts';
import type { JobOutline } from './record.ts';

/** Reads what a job has said, for its thread: text, tool calls and results, not reasoning. Of several attempts only the
 *  present one counts. A job that is still queued has said what its last attempt left, unless a `reset` voids it later.
 *  @param job an outline, or what is known of it; the log is read up to `lastEventId`
 *  @returns oldest first; empty when it has said nothing; null when its log is gone, or cannot be read any more
 *  @throws ContentUnreadable `unavailable` */
export async function saidBy(
  reader: Pick<JobReader, 'attempt'>,
  job: Pick<JobOutline, 'ref' | 'attempt' | 'lastEventId'>,
): Promise<readonly SaidMessage[] | null> {
  const messages = new MessagesJson();
  let json = '';
  try {
    for await (const { events } of reader.attempt(job)) json += messages.add(events);
  } catch (error) {
    return error instanceof LogExpired ? null : nullIfLost(error);
  }
  return JSON.parse(json + messages.end()) as SaidMessage[];
}
