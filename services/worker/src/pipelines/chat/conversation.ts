import type { Message } from '@millrace/contracts';

/** Joins what a thread remembers and what is asked now.
 *
 *  Providers refuse a call without its result. Where a remembered answer was cut short, or the caller went on without answering
 *  its calls, those calls are left out, and the message too if nothing of it remains.
 *  @param remembered oldest first
 *  @param asked may begin with the results of the last calls */
export function conversationOf(remembered: readonly Message[], asked: readonly Message[]): Message[] {
  const all = [...remembered, ...asked];
  return all.flatMap((message, place) => {
    const { toolCalls } = message;
    if (toolCalls === undefined || place >= remembered.length) return message;
    const answered = resultsAfter(all, place);
    const calls = toolCalls.filter(({ callId }) => answered.has(callId));
    if (calls.length === toolCalls.length) return message;
    if (calls.length > 0) return { ...message, toolCalls: calls };
    const { toolCalls: _, ...withoutCalls } = message;
    return message.content.length > 0 ? withoutCalls : [];
  });
}

/** The calls that have a result directly after a message. */
function resultsAfter(messages: readonly Message[], place: number): ReadonlySet<string> {
  const answered = new Set<string>();
  for (const { role, toolCallId } of messages.slice(place + 1)) {
    if (role !== 'tool') break;
    // one without an id answers the first open call
    const callId = toolCallId ?? messages[place]?.toolCalls?.find((call) => !answered.has(call.callId))?.callId;
    if (callId !== undefined) answered.add(callId);
  }
  return answered;
}
