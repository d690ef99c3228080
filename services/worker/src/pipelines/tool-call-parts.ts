import type { ToolCallChunk } from '@langchain/core/messages/tool';
import type { PipelineEvent } from './pipeline.ts';

interface ToolCall {
  callId: string;
  name: string;
  arguments: string;
}

/** Joins the pieces in which a model streams its tool calls. */
export class ToolCallParts {
  readonly #calls = new Map<number | string, ToolCall>();

  /** @param part of the call with its `index`; a provider that sends calls whole gives an id instead */
  add({ index, id, name, args }: ToolCallChunk): void {
    const key = index ?? id ?? this.#calls.size;
    const call = this.#calls.get(key) ?? { callId: '', name: '', arguments: '' };
    this.#calls.set(key, {
      callId: call.callId || (id ?? ''),
      name: call.name || (name ?? ''),
      arguments: call.arguments + (args ?? ''),
    });
  }

  /** One event per call, in the order in which they began. */
  *complete(): Generator<PipelineEvent> {
    for (const [key, call] of this.#calls) {
      yield { type: 'tool_call', data: { ...call, callId: call.callId || `call_${key}` } };
    }
  }
}
