import type { ToolCallChunk } from '@langchain/core/messages/tool';
import { PipelineError, type PipelineEvent } from '../pipeline.ts';

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

  /** One event per call, in the order in which they began. Their arguments are complete JSON, `{}` where the model gave none.
   *  @param isCut the model has reached its limit: what it had not written to the end is left out
   *  @throws PipelineError a model has written arguments that are no JSON, or that belong to no tool */
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
        throw new PipelineError('MODEL_ERROR', 'The model called a tool with arguments that are no JSON.', true);
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
