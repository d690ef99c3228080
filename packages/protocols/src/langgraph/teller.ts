import { BUILT_IN_PIPELINE, type StreamEventData } from '@millrace/contracts';
import type { ReadEvent } from '../projection/read-event.ts';
import type { StreamedJob } from '../stream-format.ts';
import { type KeptMessage, usageMetadata, type WireMessage, wireMessage } from './messages.ts';
import type { RunMode, RunStream } from './modes.ts';
import type { RunMessage, RunState } from './run-state.ts';
import { wireValues } from './state.ts';

type Fields = Readonly<Record<string, unknown>>;
type Place = Pick<StreamEventData['message_start'], 'node' | 'namespace'>;

/** A whole message is told again when its text has grown by this part of it: not with every token of a long one. */
const GROWTH = 1 / 32;

const NODE_OF_TOOLS = 'tools';

/** Tells events to a client of LangGraph, and keeps what it knows. */
export class Teller {
  readonly frames: string[] = [];

  constructor(
    private readonly stream: RunStream,
    public state: RunState,
    private readonly job: StreamedJob,
  ) {}

  tell(event: ReadEvent): void {
    this.#start();
    switch (event.type) {
      case 'message_start':
        this.#endUnnamed();
        this.#begin(event.data.messageId, { isNamed: true, place: event.data });
        break;
      case 'text':
        this.#text(event);
        break;
      case 'reasoning':
        this.#reasoning(event.data);
        break;
      case 'tool_call_start':
        this.#beginCall(event.data);
        break;
      case 'tool_call_delta':
        this.#callArguments(event.data);
        break;
      case 'tool_call':
        this.#call(event.data);
        break;
      case 'tool_result':
        this.#result(event.data);
        break;
      case 'message_end':
        this.#endMessage(event.data);
        break;
      case 'custom':
        if (this.#has('custom')) this.#send('custom', event.data.data);
        break;
      case 'state':
        this.#state(event.data);
        break;
      case 'interrupt': {
        const { interruptId: id, value } = event.data;
        this.#know({ interrupts: [...this.state.interrupts, { id, value }] });
        break;
      }
      case 'done':
        this.#done(event.data);
        break;
      case 'error':
        this.#send('error', { error: event.data.code, message: event.data.message });
        break;
      case 'cancelled':
        this.#send('error', { error: 'UserInterrupt', message: 'The run was cancelled.' });
        break;
      default:
      // `accepted` and `started` say nothing more, and neither does an event of a newer worker
    }
  }

  #start(): void {
    if (this.state.hasStarted) return;
    const keepsText = this.#has('messages') || this.stream.keepsText === true;
    this.#know({ hasStarted: true, keepsText });
    const { id, threadId } = this.job;
    this.#send('metadata', { run_id: id, thread_id: threadId ?? id });
  }

  /** @returns the message to which an event belongs, which begins here if it is new */
  #messageOf(messageId: string | undefined): RunMessage {
    const open = this.state.messageOf(messageId);
    if (open !== undefined) return open;
    if (messageId !== undefined) return this.#begin(messageId, { isNamed: true, place: {} });
    return this.#begin(this.#nextId(), { isNamed: false, place: {} });
  }

  /** The id that the thread will give to the next message without one. */
  #nextId(): string {
    return `${this.job.id}-said-${this.state.count}`;
  }

  #begin(id: string, { isNamed, place }: { readonly isNamed: boolean; readonly place: Place }): RunMessage {
    const { said, open } = this.state;
    const metadata = this.#metadata(place);
    const isVisible = this.stream.subgraphs || (place.namespace ?? []).length === 0;
    const suffix = suffixOf(place.namespace);
    const chunk = `{"type":"AIMessageChunk","id":${JSON.stringify(id)},"additional_kwargs":{},"response_metadata":{}`;
    const message: RunMessage = {
      ...{ id, role: 'assistant', isNamed, suffix, metadata },
      isTold: this.#has('messages-tuple') && isVisible,
      head: `event: messages${suffix}\ndata: [${chunk},"content":"`,
      tail: `"},${JSON.stringify(metadata)}]\n\n`,
      ...{ hasContent: false, text: '', shownChars: 0, calls: [], callCount: 0, usage: null },
    };
    this.#know({ said: withEntry(said, message), open: [...open.filter((each) => each !== id), id] });
    if (this.#has('messages') && isVisible) this.#send(`messages/metadata${suffix}`, { [id]: { metadata } });
    return message;
  }

  #metadata({ node, namespace = [] }: Place): object {
    const { id, threadId, pipeline = BUILT_IN_PIPELINE } = this.job;
    return {
      langgraph_node: node ?? pipeline,
      ...(namespace.length === 0 ? {} : { langgraph_checkpoint_ns: namespace.join('|') }),
      ...{ run_id: id, thread_id: threadId ?? id, graph_id: pipeline, tags: [] },
    };
  }

  #text({ data, quoted }: ReadEvent<'text'>): void {
    if (data.text === '') return;
    const message = this.#messageOf(data.messageId);
    const text = this.state.keepsText ? message.text + data.text : '';
    if (!message.hasContent || this.state.keepsText) this.#change(message, { hasContent: true, text });
    this.#showPartial(message.id, false);
    if (message.isTold) this.frames.push(`${message.head}${quoted}${message.tail}`);
  }

  #reasoning({ text, messageId }: StreamEventData['reasoning']): void {
    if (text === '') return;
    this.#chunk(this.#messageOf(messageId), { additional_kwargs: { reasoning_content: text } });
  }

  #beginCall({ callId, name, messageId }: StreamEventData['tool_call_start']): void {
    if (this.state.calls.has(callId)) return;
    this.#addCall(this.#messageOf(messageId), { callId, name, args: '' });
  }

  #addCall(message: RunMessage, { callId, name, args }: { callId: string; name: string; args: string }): void {
    const index = message.callCount;
    this.#change(message, { hasContent: true, callCount: index + 1 });
    this.#knowCall(callId, { of: message.id, index, hasArguments: args !== '' });
    this.#chunk(message, { tool_call_chunks: [{ type: 'tool_call_chunk', index, id: callId, name, args }] });
  }

  #callArguments({ callId, arguments: args }: StreamEventData['tool_call_delta']): void {
    const call = this.state.calls.get(callId);
    const message = call && this.state.said.get(call.of);
    if (args === '' || call === undefined || message === undefined) return;
    if (!call.hasArguments) this.#knowCall(callId, { ...call, hasArguments: true });
    this.#chunk(message, { tool_call_chunks: [{ type: 'tool_call_chunk', index: call.index, args }] });
  }

  #call({ callId, name, arguments: args, messageId }: StreamEventData['tool_call']): void {
    const begun = this.state.calls.get(callId);
    const message = (begun && this.state.said.get(begun.of)) ?? this.#messageOf(messageId);
    if (begun === undefined) this.#addCall(message, { callId, name, args });
    // the model gave none, and what is whole is `{}`
    else if (!begun.hasArguments) this.#callArguments({ callId, arguments: args });
    const { calls } = this.state.said.get(message.id) ?? message;
    if (calls.some((call) => call.callId === callId)) return;
    this.#change(message, { calls: [...calls, { callId, name, arguments: args }] });
    this.#showPartial(message.id, true);
  }

  #result({ callId, name, content, isError }: StreamEventData['tool_result']): void {
    this.#endUnnamed();
    const call = this.state.calls.get(callId);
    const caller = call && this.state.said.get(call.of);
    // an agent gives the message of a tool an id, which only its state has
    const isAgent = this.state.conversation === null && caller?.isNamed === true;
    const id = isAgent ? `tool-${callId}` : this.#nextId();
    const suffix = caller?.suffix ?? '';
    const isVisible = this.stream.subgraphs || suffix === '';
    const metadata = this.#metadata({ node: NODE_OF_TOOLS });
    const message: RunMessage = {
      ...{ id, role: 'tool', isNamed: false, suffix, metadata, isTold: false, head: '', tail: '', hasContent: true },
      ...{ text: content, shownChars: 0, calls: [], callCount: 0, usage: null, name, toolCallId: callId, isError },
    };
    this.#know({ said: withEntry(this.state.said, message) });
    if (!isVisible) return;
    if (this.#has('messages')) this.#send(`messages/complete${suffix}`, [wireOf(message)]);
    if (this.#has('messages-tuple')) this.#send(`messages${suffix}`, [wireOf(message), metadata]);
  }

  /** A message without a name ends where the next one begins. */
  #endUnnamed(): void {
    const last = this.state.messageOf(undefined);
    if (last !== undefined && !last.isNamed) this.#close(last);
  }

  #endMessage({ messageId, finishReason, usage }: StreamEventData['message_end']): void {
    const message = this.state.messageOf(messageId);
    if (message === undefined) return;
    if (usage !== undefined) this.#change(message, { usage });
    this.#close(message);
    this.#chunk(message, {
      response_metadata: { finish_reason: finishReason },
      ...(usage === undefined ? {} : { usage_metadata: usageMetadata(usage) }),
    });
  }

  #close({ id, suffix }: RunMessage): void {
    this.#know({ open: this.state.open.filter((each) => each !== id) });
    const message = this.state.said.get(id);
    const isVisible = this.stream.subgraphs || suffix === '';
    if (message?.hasContent && isVisible && this.#has('messages')) {
      this.#send(`messages/complete${suffix}`, [wireOf(message)]);
    }
  }

  #showPartial(id: string, isDue: boolean): void {
    const message = this.state.said.get(id);
    if (message === undefined || !this.#has('messages')) return;
    const { text, shownChars, suffix } = message;
    if (!this.stream.subgraphs && suffix !== '') return;
    if (!isDue && text.length - shownChars < shownChars * GROWTH) return;
    this.#change(message, { shownChars: text.length });
    this.#send(`messages/partial${suffix}`, [wireOf(message)]);
  }

  #state({ mode, data, namespace = [] }: StreamEventData['state']): void {
    if (namespace.length > 0 && !this.stream.subgraphs) return;
    const suffix = suffixOf(namespace);
    if (mode === 'values') this.#values(data, suffix);
    else if (mode === 'checkpoints' && this.#has(mode)) this.#send(`${mode}${suffix}`, this.#checkpoint(data));
    else if (mode === 'updates' && this.#has(mode)) this.#send(`${mode}${suffix}`, wireState(data));
    else if (mode === 'tasks' && this.#has(mode)) this.#send(`${mode}${suffix}`, data);
  }

  #values(data: unknown, suffix: string): void {
    const conversation = suffix === '' ? conversationIn(data) : null;
    if (conversation !== null) {
      const keepsText = this.state.keepsText || this.#has('values') || this.#has('updates');
      this.#know({ conversation, keepsText });
      if (this.#has('values')) this.#send('values', { messages: conversation.map(wireMessage) });
      return;
    }
    const values = wireState(data);
    if (suffix === '' && isObject(values)) this.#know({ values });
    if (this.#has('values')) this.#send(`values${suffix}`, values);
  }

  /** As LangGraph's own server writes one. */
  #checkpoint(data: unknown): unknown {
    if (!isObject(data)) return data;
    const { checkpointId, parentId, namespace = '', ...rest } = data;
    const config = (id: unknown) => ({
      configurable: { thread_id: this.job.threadId ?? this.job.id, checkpoint_id: id, checkpoint_ns: namespace },
    });
    return { config: config(checkpointId), parent_config: parentId == null ? null : config(parentId), ...rest };
  }

  #done({ finishReason, usage }: StreamEventData['done']): void {
    const last = [...this.state.said.values()].findLast(({ role }) => role === 'assistant');
    // of a message that has an end of its own, that has told it
    if (last !== undefined && !last.isNamed) {
      this.#change(last, { usage });
      const response_metadata = { finish_reason: finishReason };
      this.#chunk(last, { response_metadata, usage_metadata: usageMetadata(usage) });
    }
    for (const id of this.state.open) {
      const message = this.state.said.get(id);
      if (message !== undefined) this.#close(message);
    }
    this.#lastState();
    if (finishReason === 'interrupt' || this.state.interrupts.length > 0) {
      const asked = { __interrupt__: this.state.interrupts };
      if (this.#has('updates')) this.#send('updates', asked);
      if (this.#has('values')) this.#send('values', { ...this.state.values, ...asked });
    }
    this.#send('end', null);
  }

  /** What a thread of messages holds now; an agent has said it itself. */
  #lastState(): void {
    const { conversation, said } = this.state;
    if (conversation === null) return;
    const added = [...said.values()].filter(({ hasContent }) => hasContent).map(wireOf);
    const messages = [...conversation.map(wireMessage), ...added];
    this.#know({ values: { messages } });
    const { pipeline = BUILT_IN_PIPELINE } = this.job;
    if (this.#has('updates')) this.#send('updates', { [pipeline]: { messages: added } });
    if (this.#has('values')) this.#send('values', { messages });
  }

  #chunk({ id, isTold, suffix, metadata }: RunMessage, fields: object): void {
    if (!isTold) return;
    const chunk = { type: 'AIMessageChunk', id, content: '', additional_kwargs: {}, response_metadata: {}, ...fields };
    this.#send(`messages${suffix}`, [chunk, metadata]);
  }

  #has(mode: RunMode): boolean {
    return this.stream.modes.has(mode);
  }

  #send(event: string, data: unknown): void {
    this.frames.push(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  #change({ id }: RunMessage, changes: Partial<RunMessage>): void {
    const message = this.state.said.get(id);
    if (message !== undefined) this.#know({ said: withEntry(this.state.said, { ...message, ...changes }) });
  }

  #knowCall(callId: string, call: RunState['calls'] extends ReadonlyMap<string, infer Call> ? Call : never): void {
    this.#know({ calls: new Map([...this.state.calls, [callId, call]]) });
  }

  #know(changes: Parameters<RunState['with']>[0]): void {
    this.state = this.state.with(changes);
  }
}

/** A message that was said, whole. */
export function wireOf(message: RunMessage): WireMessage {
  const { id, role, text, calls, usage, name, toolCallId, isError } = message;
  return {
    ...wireMessage({ role, content: text, messageId: id, toolCalls: calls, name, toolCallId }),
    ...(usage === null ? {} : { usage_metadata: usageMetadata(usage) }),
    ...(isError === true ? { status: 'error' } : {}),
  };
}

/** The messages of a state that a thread without an agent has, which are in our own shape; null: it is an agent's. */
export function conversationIn(data: unknown): readonly KeptMessage[] | null {
  const messages = isObject(data) ? data['messages'] : undefined;
  if (!Array.isArray(messages) || messages.length === 0) return null;
  const areKept = messages.every((message) => isObject(message) && 'role' in message && !('type' in message));
  return areKept ? (messages as KeptMessage[]) : null;
}

function wireState(data: unknown): unknown {
  return isObject(data) ? wireValues(data) : data;
}

/** Subgraphs in the name of an event. A name must not end its line. */
function suffixOf(namespace: readonly string[] = []): string {
  return namespace.map((name) => `|${name.replaceAll(/[\r\n\0|]/g, '_')}`).join('');
}

function withEntry(said: ReadonlyMap<string, RunMessage>, message: RunMessage): ReadonlyMap<string, RunMessage> {
  return new Map([...said, [message.id, message]]);
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
