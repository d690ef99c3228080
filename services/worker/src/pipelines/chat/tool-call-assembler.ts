import type { ToolCallChunk } from '@langchain/core/messages/tool';
import { PipelineError, type PipelineEvent } from '../definition/pipeline.ts';

interface ToolCall {
  callId: string;
  name: string;
  arguments: string;
  isAnnounced: boolean;
}

/** Assembles streamed tool calls from their parts. */
export class ToolCallAssembler {
  readonly #calls = new Map<number | string, ToolCall>();

  /** Yields `tool_call_start` once the id and the name of a call are known, then its arguments piece by piece.
   *  @param part of the call with its `index`; providers that send whole calls give an id instead */
  *add({ index, id, name, args = '' }: ToolCallChunk): Generator<PipelineEvent> {
    const key = index ?? id ?? this.#calls.size;
    const call = this.#calls.get(key) ?? { callId: '', name: '', arguments: '', isAnnounced: false };
    this.#calls.set(key, call);
    call.callId ||= id ?? '';
    call.name ||= name ?? '';
    call.arguments += args;
    const { callId } = call;
    if (callId === '' || call.name === '') return;
    // the pieces that came before the id or the name go out together
    const piece = call.isAnnounced ? args : call.arguments;
    if (!call.isAnnounced) yield { type: 'tool_call_start', data: { callId, name: call.name } };
    call.isAnnounced = true;
    if (piece !== '') yield { type: 'tool_call_delta', data: { callId, arguments: piece } };
  }

  /** Yields one event per call, in the order of their first parts. Arguments are complete JSON; `{}` when the model sent none.
   *  @param isCut the model reached its token limit: incomplete calls are left out
   *  @returns how many calls there are
   *  @throws PipelineError arguments are not JSON, or belong to no tool */
  *complete(isCut: boolean): Generator<PipelineEvent, number> {
    let calls = 0;
    for (const [key, call] of this.#calls) {
      if (call.name === '') {
        if (isCut || call.arguments === '') continue;
        throw new PipelineError('MODEL_ERROR', 'The model called a tool without its name.', true);
      }
      const args = call.arguments.trim() === '' ? '{}' : call.arguments;
      if (isJson(args)) {
        yield { type: 'tool_call', data: { callId: call.callId || `call_${key}`, name: call.name, arguments: args } };
        calls += 1;
      } else if (!isCut) {
        throw new PipelineError('MODEL_ERROR', 'The model called a tool with arguments that are not JSON.', true);
      }
    }
    return calls;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
