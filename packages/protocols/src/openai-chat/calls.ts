import type { StreamEventData, ToolCall } from '@millrace/contracts';
import { BUILT_IN_PIPELINE } from '@millrace/contracts';
import type { ReadEvent } from '../projection/read-event.ts';
import type { StreamedJob } from '../stream-format.ts';

/** The tool calls of an answer, as far as its reader may run them. Immutable. */
export interface Calls {
  /** Whether the calls are told as the model writes them. Only the built-in pipeline hands the caller's tools to the model; what
   *  others call is theirs, until they end with it */
  readonly areCallers: boolean;
  /** calls that were told: by index */
  readonly told: readonly { readonly callId: string; readonly hasArguments: boolean }[];
  /** whole calls that were not told, and that the pipeline has not answered; null: an agent, which runs its own */
  readonly held: readonly ToolCall[] | null;
}

export function callsFor({ pipeline = BUILT_IN_PIPELINE }: StreamedJob): Calls {
  return { areCallers: pipeline === BUILT_IN_PIPELINE, told: [], held: [] };
}

type CallEvent = ReadEvent<'message_start' | 'tool_call_start' | 'tool_call_delta' | 'tool_call' | 'tool_result'>;

export interface Told {
  readonly calls: Calls;
  /** the JSON of an entry of `tool_calls` in a delta; null: nothing is told */
  readonly json: string | null;
}

export function withCall(calls: Calls, event: CallEvent): Told {
  if (!calls.areCallers) return { calls: hold(calls, event), json: null };
  switch (event.type) {
    case 'tool_call_start':
      return indexOf(calls, event.data) < 0 ? begin(calls, { ...event.data, arguments: '' }) : { calls, json: null };
    case 'tool_call_delta':
      return event.quoted === '' ? { calls, json: null } : extend(calls, event.data.callId, event.quoted);
    case 'tool_call': {
      const index = indexOf(calls, event.data);
      if (index < 0) return begin(calls, event.data);
      // a call whose arguments came in no delta, such as one without any
      if (calls.told[index]?.hasArguments) return { calls, json: null };
      return extend(calls, event.data.callId, JSON.stringify(event.data.arguments).slice(1, -1));
    }
    default:
      return { calls, json: null };
  }
}

/** Calls that the pipeline ends with, and has not told: they are the caller's.
 *  @returns JSON entries of `tool_calls` */
export function endingCalls({ told, held }: Calls): string[] {
  return (held ?? []).map((call, index) => entryJson(told.length + index, call));
}

function hold(calls: Calls, event: CallEvent): Calls {
  const { held } = calls;
  if (held === null) return calls;
  switch (event.type) {
    case 'message_start':
      return { ...calls, held: null };
    case 'tool_call': {
      const { callId, name, arguments: args } = event.data;
      return { ...calls, held: [...held, { callId, name, arguments: args }] };
    }
    case 'tool_result':
      return { ...calls, held: held.filter(({ callId }) => callId !== event.data.callId) };
    default:
      return calls;
  }
}

function begin(calls: Calls, call: StreamEventData['tool_call']): Told {
  const { told } = calls;
  const entry = { callId: call.callId, hasArguments: call.arguments !== '' };
  return { calls: { ...calls, told: [...told, entry] }, json: entryJson(told.length, call) };
}

function extend(calls: Calls, callId: string, quoted: string): Told {
  const index = indexOf(calls, { callId });
  // one whose start is missing comes whole at its end
  if (index < 0) return { calls, json: null };
  const json = `{"index":${index},"function":{"arguments":"${quoted}"}}`;
  const entry = calls.told[index];
  if (entry?.hasArguments) return { calls, json };
  return { calls: { ...calls, told: calls.told.with(index, { callId, hasArguments: true }) }, json };
}

function indexOf({ told }: Calls, { callId }: { readonly callId: string }): number {
  return told.findIndex((call) => call.callId === callId);
}

function entryJson(index: number, { callId, name, arguments: args }: ToolCall): string {
  return JSON.stringify({ index, id: callId, type: 'function', function: { name, arguments: args } });
}
