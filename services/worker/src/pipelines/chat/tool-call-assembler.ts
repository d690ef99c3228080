import type { ToolCallChunk } from '@langchain/core/messages/tool';
import { PipelineError, type PipelineEvent } from '../pipeline.ts';

interface ToolCall {
  callId: string;
  name: string;
  arguments: string;
}

/** Assembles streamed tool calls from their parts. */
export class ToolCallAssembler {
  readonly #calls = new Map<number | string, ToolCall>();

  /** @param part of the call with its `index`; providers that send whole calls give an id instead */
  add({ index, id, name, args }: ToolCallChunk): void {
    const key = index ?? id ?? this.#calls.size;
    const call = this.#calls.get(key) ?? { callId: '', name: '', arguments: '' };
    this.#calls.set(key, {
      callId: call.callId || (id ?? ''),
      name: call.name || (name ?? ''),
      arguments: call.arguments + (args ?? ''),
    });
  }

  /** Yields one event per call, in the order of their first parts. Arguments are complete JSON; `{}` when the model sent none.
   *  @param isCut the model reached its token limit: incomplete calls are left out
   *  @throws PipelineError arguments are not JSON, or belong to no tool */
  *complete(isCut: boolean): Generator<PipelineEvent> {
    for (const [key, call] of this.#calls) {
      if (call.name === '') {
        if (isCut || call.arguments === '') continue;
        throw new PipelineError('MODEL_ERROR', 'The model called a tool without its name.', true);
      }
      const args = call.arguments.trim() === '' ? '{}' : call.arguments;
      if (isJson(args)) {
        yield { type: 'tool_call', data: { callId: call.callId || `call_${key}`, name: call.name, arguments: args } };
      } else if (!isCut) {
        throw new PipelineError('MODEL_ERROR', 'The model called a tool with arguments that are not JSON.', true);
      }
    }
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
