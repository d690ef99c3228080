import type { JobRequest, StreamEvent } from '@millrace/contracts';
import type { AttemptThread, ConversationMessage } from './attempt-thread.ts';

/** JSON text of a conversation that the log shows, UTF-16 units. */
const MAX_UNITS = 1024 * 1024;

/** What a job goes on from, as its log shows it to readers who want the state of a thread of messages.
 *  @param thread null: the job has none, and what it was asked is all
 *  @returns null: nobody wants it, or it is too large */
export async function shownConversation(
  jobId: string,
  { messages: asked, streamModes }: Pick<JobRequest, 'messages' | 'streamModes'>,
  thread: AttemptThread | null,
): Promise<StreamEvent<'state'> | null> {
  if (!streamModes?.includes('values')) return null;
  const messages =
    thread === null
      ? asked.map((message, index): ConversationMessage => ({ messageId: `${jobId}-asked-${index}`, ...message }))
      : await thread.shown();
  const data = { mode: 'values', data: { messages } };
  if (messages.length === 0 || JSON.stringify(data).length > MAX_UNITS) return null;
  return { type: 'state', data };
}
