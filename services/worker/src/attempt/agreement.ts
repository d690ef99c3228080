import type { Message } from '@millrace/contracts';

/** How many messages two conversations begin with in common. What they were called, and where they came from, does not matter. */
export function agreement(one: readonly Message[], other: readonly Message[]): number {
  const difference = one.findIndex((message, place) => {
    const counterpart = other[place];
    return counterpart === undefined || meaningOf(message) !== meaningOf(counterpart);
  });
  return difference < 0 ? one.length : difference;
}

function meaningOf({ role, content, toolCalls = [], toolCallId }: Message): string {
  const [only, ...others] = content;
  const isText = typeof only === 'object' && only.type === 'text' && others.length === 0;
  const calls = toolCalls.map((call) => [call.callId, call.name, JSON.parse(call.arguments) as unknown]);
  return JSON.stringify([role, isText ? only.text : content, calls, toolCallId ?? null]);
}
