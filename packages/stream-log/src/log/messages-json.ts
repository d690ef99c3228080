import { type DeltaForm, deltaForm, partsOfDelta, type StoredEvent, type StreamEventData } from '@millrace/contracts';

/** A message that is not yet written to its end. */
interface OpenMessage {
  /** null: no `message_start` named it */
  readonly id: string | null;
  /** its JSON before `content` */
  readonly head: string;
  readonly calls: object[];
  /** content that is yet to be written, as it stands between the quotes of JSON */
  quoted: string;
  isBegun: boolean;
  isComplete: boolean;
}

/** Writes what a job said as a JSON array of messages, event by event. Text is copied from the log without parsing and goes out
 *  at once: only messages that begin while an earlier one is open are held until that one is complete.
 *  @see PROTOCOL.md §5 */
export class MessagesJson {
  /** in the order in which they began: the first one is being written */
  readonly #open: OpenMessage[] = [];
  #json = '';
  #isEmpty = true;

  /** @returns the JSON that may be written now */
  add(events: readonly StoredEvent[]): string {
    for (const event of events) this.#add(event);
    return this.#written();
  }

  /** Completes whatever is open.
   *  @returns the rest of the JSON */
  end(): string {
    for (const message of this.#open) message.isComplete = true;
    const rest = this.#written();
    return this.#isEmpty ? '[]' : `${rest}]`;
  }

  #add({ type, data }: StoredEvent): void {
    switch (type) {
      case 'text':
        this.#addText(data);
        return;
      case 'message_start': {
        const { messageId } = parsed<'message_start'>(data);
        this.#completeUnnamed();
        this.#begin(messageId);
        return;
      }
      case 'tool_call': {
        const { messageId, ...call } = parsed<'tool_call'>(data);
        this.#messageOf(messageId).calls.push(call);
        return;
      }
      case 'tool_result': {
        const { callId, name, content } = parsed<'tool_result'>(data);
        this.#completeUnnamed();
        const head = `"role":"tool","toolCallId":${JSON.stringify(callId)},"name":${JSON.stringify(name)}`;
        this.#open.push({ ...messageWith(null, head), quoted: JSON.stringify(content).slice(1, -1), isComplete: true });
        return;
      }
      case 'message_end': {
        const { messageId } = parsed<'message_end'>(data);
        const ended = this.#open.find(({ id, isComplete }) => id === messageId && !isComplete);
        if (ended !== undefined) ended.isComplete = true;
      }
    }
  }

  #addText(data: string): void {
    const { head, quoted } = partsOfDelta(TEXT, data);
    const { messageId } = head === TEXT.bareHead ? {} : parsed<'text'>(`${head}""}`);
    this.#messageOf(messageId).quoted += quoted;
  }

  /** The message with an id; without one, the message that began last, if it is still open. */
  #messageOf(messageId: string | undefined): OpenMessage {
    const known = this.#open.findLast(
      ({ id, isComplete }) => !isComplete && (messageId === undefined || id === messageId),
    );
    return known ?? this.#begin(messageId ?? null);
  }

  #begin(id: string | null): OpenMessage {
    const message = messageWith(id, `"role":"assistant"${id === null ? '' : `,"messageId":${JSON.stringify(id)}`}`);
    this.#open.push(message);
    return message;
  }

  /** A tool result, or the start of a message, ends a message that has neither start nor end of its own. */
  #completeUnnamed(): void {
    const last = this.#open.at(-1);
    if (last?.id === null) last.isComplete = true;
  }

  #written(): string {
    for (let first = this.#open[0]; first !== undefined; first = this.#open[0]) {
      this.#write(first);
      if (!first.isComplete) break;
      this.#open.shift();
    }
    const json = this.#json;
    this.#json = '';
    return json;
  }

  #write(message: OpenMessage): void {
    const { head, quoted, calls, isComplete } = message;
    if (!message.isBegun) {
      if (quoted === '' && !(isComplete && (calls.length > 0 || head.startsWith('"role":"tool"')))) return;
      this.#json += `${this.#isEmpty ? '[' : ','}{${head},"content":"`;
      this.#isEmpty = false;
      message.isBegun = true;
    }
    this.#json += quoted;
    message.quoted = '';
    if (isComplete) this.#json += calls.length === 0 ? '"}' : `","toolCalls":${JSON.stringify(calls)}}`;
  }
}

const TEXT = deltaForm('text') as DeltaForm;

function messageWith(id: string | null, head: string): OpenMessage {
  return { id, head, calls: [], quoted: '', isBegun: false, isComplete: false };
}

function parsed<T extends keyof StreamEventData>(data: string): StreamEventData[T] {
  return JSON.parse(data) as StreamEventData[T];
}
