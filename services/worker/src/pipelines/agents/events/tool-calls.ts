import type { PipelineEvent } from '../../definition/pipeline.ts';
import { type AnyMessage, typeOf } from './any-message.ts';
import { textOf } from './message-text.ts';
import { bounded } from './plain.ts';

/** The tool calls that wait for their results. Each result is said once, however often the graph shows it. */
export class ToolCalls {
  /** names of the tools, by id of the call; scripted models use an id again */
  readonly #open = new Map<string, string[]>();
  readonly #said = new WeakSet<object>();

  constructor(readonly emit: (event: PipelineEvent) => void) {}

  open(callId: string, name: string): void {
    this.#open.set(callId, [...(this.#open.get(callId) ?? []), name]);
  }

  /** Says a result, if it answers a call that waits for one. */
  answer(message: AnyMessage): void {
    if (this.#said.has(message) || typeOf(message) !== 'tool') return;
    const content = textOf(message);
    if (this.#say(message.tool_call_id ?? '', content, message.status === 'error', message.name))
      this.#said.add(message);
  }

  /** Says that a tool failed whose failure its graph did not answer. */
  fail({ callId, name }: { readonly callId: string | undefined; readonly name: string | undefined }): void {
    const [id] = callId === undefined ? this.#waitingFor(name) : [callId];
    if (id !== undefined) this.#say(id, 'The tool failed.', true, undefined);
  }

  /** Opens the calls of earlier messages that still have no result: their tools run when an answer has come.
   *  @param messages of the state, oldest first */
  openUnanswered(messages: Iterable<AnyMessage>): void {
    const calls = new Map<string, string>();
    for (const message of messages) {
      for (const { id, name } of message.tool_calls ?? []) if (id !== undefined) calls.set(id, name);
      if (message.tool_call_id !== undefined) calls.delete(message.tool_call_id);
    }
    for (const [callId, name] of calls) if (!this.#open.has(callId)) this.open(callId, name);
  }

  /** An earlier job has said this result. */
  forget({ tool_call_id: callId }: AnyMessage): void {
    if (callId !== undefined) this.#open.delete(callId);
  }

  #waitingFor(tool: string | undefined): string[] {
    return [...this.#open].flatMap(([callId, names]) => (tool !== undefined && names.includes(tool) ? [callId] : []));
  }

  #say(callId: string, content: string, isError: boolean, tool: string | undefined): boolean {
    const [called, ...others] = this.#open.get(callId) ?? [];
    if (called === undefined) return false;
    if (others.length === 0) this.#open.delete(callId);
    else this.#open.set(callId, others);
    this.emit({ type: 'tool_result', data: { callId, name: tool ?? called, content: bounded(content), isError } });
    return true;
  }
}
