import type { StreamEventData } from '@millrace/contracts';

/** A part that is being written. */
export interface OpenPart {
  readonly kind: 'text' | 'reasoning';
  readonly id: string;
}

/** A tool call that the client knows. */
export interface KnownCall {
  readonly name: string;
  /** whether its input is whole */
  readonly isWritten: boolean;
  /** JSON; '' while it is being written */
  readonly input: string;
  readonly isAnswered: boolean;
}

/** What the client has of an answer. */
export interface AnswerState {
  readonly hasBegun: boolean;
  readonly isInStep: boolean;
  /** messages that have begun and not ended: a step ends with the last of them */
  readonly messages: ReadonlySet<string>;
  /** the message that began last */
  readonly current: string;
  /** how many parts there were */
  readonly count: number;
  /** the part that each message is writing */
  readonly parts: ReadonlyMap<string, OpenPart>;
  readonly calls: ReadonlyMap<string, KnownCall>;
  readonly waitsForApproval: boolean;
}

export const EMPTY_ANSWER: AnswerState = {
  ...{ hasBegun: false, isInStep: false, messages: new Set(), current: '', count: 0, parts: new Map() },
  ...{ calls: new Map(), waitsForApproval: false },
};

/** The chunks of one event, in an order that every version of the AI SDK takes: a delta only in an open part, a part only in a
 *  step, the output of a call only after its input. */
export class Chunks {
  readonly frames: string[] = [];

  constructor(public state: AnswerState) {}

  say(chunk: Readonly<Record<string, unknown>>): void {
    this.frames.push(`data: ${JSON.stringify(chunk)}\n\n`);
  }

  /** @param messageId undefined: the client goes on with its last message */
  begin(messageId: string | undefined): void {
    if (this.state.hasBegun) return;
    this.say({ type: 'start', messageId });
    this.#set({ hasBegun: true });
  }

  openMessage(message: string): void {
    this.#openStep();
    this.#set({ messages: new Set(this.state.messages).add(message), current: message });
  }

  closeMessage(message: string): void {
    this.#closePart(message);
    const messages = new Set(this.state.messages);
    messages.delete(message);
    this.#set({ messages });
    if (messages.size === 0) this.#closeStep();
  }

  /** @returns the id of the new part */
  openPart(message: string, kind: OpenPart['kind']): string {
    this.#closePart(message);
    this.#openStep();
    const count = this.state.count + 1;
    const id = `${kind}-${count}`;
    this.say({ type: `${kind}-start`, id });
    this.#set({ count, parts: new Map(this.state.parts).set(message, { kind, id }) });
    return id;
  }

  startCall({ callId, name, messageId = this.state.current }: StreamEventData['tool_call_start']): void {
    if (this.state.calls.has(callId)) return;
    this.#closePart(messageId);
    this.#openStep();
    this.say({ type: 'tool-input-start', toolCallId: callId, toolName: name });
    this.#setCall(callId, { name, isWritten: false, input: '', isAnswered: false });
  }

  call({ callId, name, arguments: json, messageId = this.state.current }: StreamEventData['tool_call']): void {
    if (this.state.calls.get(callId)?.isWritten === true) return;
    this.#closePart(messageId);
    this.#openStep();
    const tool = { toolCallId: callId, toolName: name };
    const input = parsed(json);
    if (input === undefined) {
      this.say({ type: 'tool-input-error', ...tool, input: json, errorText: 'The arguments of the call are no JSON.' });
    } else {
      this.say({ type: 'tool-input-available', ...tool, input });
    }
    this.#setCall(callId, { name, isWritten: true, input: json, isAnswered: false });
  }

  /** @param mayBeKnown whether the client may have the call from an answer before this one */
  result(
    { callId, name, content, isError }: StreamEventData['tool_result'],
    { mayBeKnown }: { mayBeKnown: boolean },
  ): void {
    const known = this.state.calls.get(callId);
    if (known === undefined && !mayBeKnown) this.call({ callId, name, arguments: '{}' });
    this.say(
      isError
        ? { type: 'tool-output-error', toolCallId: callId, errorText: content }
        : { type: 'tool-output-available', toolCallId: callId, output: content },
    );
    this.#setCall(callId, { name, isWritten: true, input: known?.input ?? '', isAnswered: true });
  }

  askApproval({ approvalId, callId }: { readonly approvalId: string; readonly callId: string }): void {
    this.say({ type: 'tool-approval-request', approvalId, toolCallId: callId });
    this.#set({ waitsForApproval: true });
  }

  closeAll(): void {
    for (const message of this.state.parts.keys()) this.#closePart(message);
    this.#closeStep();
    this.#set({ messages: new Set() });
  }

  finish(finishReason: string, messageMetadata: object): void {
    this.closeAll();
    this.say({ type: 'finish', finishReason, messageMetadata });
  }

  #openStep(): void {
    if (this.state.isInStep) return;
    this.say({ type: 'start-step' });
    this.#set({ isInStep: true });
  }

  /** A client forgets the open parts at the end of a step. */
  #closeStep(): void {
    if (!this.state.isInStep) return;
    for (const message of this.state.parts.keys()) this.#closePart(message);
    this.say({ type: 'finish-step' });
    this.#set({ isInStep: false });
  }

  #closePart(message: string): void {
    const part = this.state.parts.get(message);
    if (part === undefined) return;
    this.say({ type: `${part.kind}-end`, id: part.id });
    const parts = new Map(this.state.parts);
    parts.delete(message);
    this.#set({ parts });
  }

  #setCall(callId: string, call: KnownCall): void {
    this.#set({ calls: new Map(this.state.calls).set(callId, call) });
  }

  #set(change: Partial<AnswerState>): void {
    this.state = { ...this.state, ...change };
  }
}

/** @returns undefined if it is no JSON */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return undefined;
  }
}
