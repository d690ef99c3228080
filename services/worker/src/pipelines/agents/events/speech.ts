import type { FinishReason, StreamEvent, Usage } from '@millrace/contracts';
import { eventsIn } from '../../chat/message-content.ts';
import { ToolCallAssembler } from '../../chat/tool-call-assembler.ts';
import type { PipelineEvent } from '../../definition/pipeline.ts';
import type { AnyMessage } from './any-message.ts';
import type { Place } from './place.ts';
import { plain } from './plain.ts';
import type { ToolCalls } from './tool-calls.ts';

type Emit = (event: PipelineEvent) => void;
type OfMessage = StreamEvent<'text' | 'reasoning' | 'tool_call_start' | 'tool_call_delta' | 'tool_call'>;

/** Says the messages of an agent. Several may be open at once: then each of their events names its message. */
export class Speech {
  readonly #open = new Set<OpenMessage>();
  #latest: OpenMessage | null = null;

  constructor(
    readonly emit: Emit,
    readonly toolCalls: ToolCalls,
  ) {}

  begin(messageId: string, place: Place): OpenMessage {
    const message = new OpenMessage(this, messageId);
    this.#open.add(message);
    this.#latest = message;
    this.emit({ type: 'message_start', data: { messageId, ...place } });
    return message;
  }

  /** @param event of an open message */
  say(message: OpenMessage, event: OfMessage): void {
    if (event.type === 'tool_call') this.toolCalls.open(event.data.callId, event.data.name);
    if (this.#latest === message && this.#open.size === 1) this.emit(event);
    else this.emit({ ...event, data: { ...event.data, messageId: message.messageId } } as PipelineEvent);
  }

  end(message: OpenMessage, finishReason: FinishReason, usage: Usage | undefined): void {
    if (!this.#open.delete(message)) return;
    const { messageId } = message;
    this.emit({ type: 'message_end', data: { messageId, finishReason, ...(usage === undefined ? {} : { usage }) } });
  }
}

/** A message that is being said. */
export class OpenMessage {
  readonly #assembler = new ToolCallAssembler();
  readonly #callIds = new Set<string>();
  #hasContent = false;

  constructor(
    readonly speech: Speech,
    readonly messageId: string,
  ) {}

  /** Says what a part of the message adds. */
  add(delta: Partial<AnyMessage>): void {
    for (const event of contentOf(delta)) {
      this.#hasContent = true;
      this.speech.say(this, event);
    }
    for (const part of delta.tool_call_chunks ?? []) {
      for (const event of this.#assembler.add(part)) this.speech.say(this, event as OfMessage);
    }
  }

  /** Says what the parts have left out, and ends the message.
   *  @param whole the message as the model's client has put it together */
  complete(whole: AnyMessage | undefined, finishReason: FinishReason, usage: Usage | undefined): void {
    if (!this.#hasContent && whole !== undefined) for (const event of contentOf(whole)) this.speech.say(this, event);
    // calls that are not JSON are the agent's to answer
    for (const event of this.#assembler.complete(true)) this.#call(event as StreamEvent<'tool_call'>);
    for (const { id, name, args } of whole?.tool_calls ?? []) {
      const callId = id ?? `${this.messageId}-${name}`;
      if (!this.#callIds.has(callId)) {
        this.#call({ type: 'tool_call', data: { callId, name, arguments: JSON.stringify(plain(args ?? {})) } });
      }
    }
    this.speech.end(this, finishReason, usage);
  }

  /** Ends a message whose model call has failed. */
  breakOff(): void {
    this.speech.end(this, 'error', undefined);
  }

  #call(event: StreamEvent<'tool_call'>): void {
    this.#callIds.add(event.data.callId);
    this.speech.say(this, event);
  }
}

function contentOf({
  content,
  additional_kwargs = {},
}: Partial<AnyMessage>): Iterable<StreamEvent<'text' | 'reasoning'>> {
  return eventsIn({ content: content ?? '', additional_kwargs });
}
