import type { StreamEventData } from '@millrace/contracts';
import jsonPatch from 'fast-json-patch';
import {
  type Continuation,
  frameAround,
  goOn,
  type Projection,
  type Step,
  type StepContext,
} from '../projection/projection.ts';
import { ProjectionFormat } from '../projection/projection-format.ts';
import type { DeltaEvent, ReadEvent } from '../projection/read-event.ts';
import type { StreamedJob } from '../stream-format.ts';
import { type AgUiInterrupt, NO_RUN, type Run, withEntry, withoutEntry } from './run.ts';

/** The version of the protocol that a client speaks: 1.0 says so in its requests, older ones do not. */
export type AgUiVersion = '1.0' | '0.0';

const NEW_BEGINNING = 'A worker was lost, and the answer began anew: run the agent again.';

/** The events of AG-UI. A client takes none back, has no cursor, and refuses what is out of order: the first event is
 *  RUN_STARTED, nothing is open at RUN_FINISHED, and optional fields are left out, never null.
 *  @see https://docs.ag-ui.com */
class AgUiProjection implements Projection<Run> {
  readonly contentType = 'text/event-stream';

  constructor(private readonly version: AgUiVersion) {}

  headers(): Readonly<Record<string, string>> {
    return {};
  }

  initial(): Run {
    return NO_RUN;
  }

  step(run: Run, event: ReadEvent, { job, number }: StepContext): Step<Run> {
    if (event.type === 'text' && event.quoted !== '') {
      const open = this.continuation(run, event, job);
      if (open !== null) return goOn(open, run, { quoted: event.quoted, number });
    }
    const scribe = new Scribe(run, job, this.version);
    scribe.start();
    scribe.tell(event);
    return { state: scribe.run, frames: scribe.frames };
  }

  continuation(run: Run, { type, data }: DeltaEvent, job: StreamedJob): Continuation<Run> | null {
    if (type !== 'text') return null;
    const open = run.texts.get(data.messageId ?? run.current ?? job.id);
    return open === undefined ? null : contentOf(open);
  }

  diverged(_: Run): readonly string[] {
    return [frameOf('RUN_ERROR', { message: NEW_BEGINNING, code: 'WORKER_LOST' })];
  }
}

/** One format for each version of the protocol. */
export const AG_UI_FORMATS: Readonly<Record<AgUiVersion, ProjectionFormat<Run>>> = {
  '1.0': new ProjectionFormat(new AgUiProjection('1.0'), { cursor: 'none' }),
  '0.0': new ProjectionFormat(new AgUiProjection('0.0'), { cursor: 'none' }),
};

/** Tells events, and keeps what its reader knows. */
class Scribe {
  readonly frames: string[] = [];

  constructor(
    public run: Run,
    private readonly job: StreamedJob,
    private readonly version: AgUiVersion,
  ) {}

  start(): void {
    if (this.run.hasStarted) return;
    this.#know({ hasStarted: true });
    this.#send('RUN_STARTED', { ...this.#names(), ...(this.version === '1.0' ? { protocolVersion: '1.0' } : {}) });
  }

  tell(event: ReadEvent): void {
    switch (event.type) {
      case 'message_start':
        this.#know({ current: event.data.messageId });
        break;
      case 'text':
        this.#text(event);
        break;
      case 'reasoning':
        this.#reasoning(event);
        break;
      case 'tool_call_start':
        this.#beginCall(event.data);
        break;
      case 'tool_call_delta':
        this.#callArguments(event);
        break;
      case 'tool_call':
        this.#endCall(event.data);
        break;
      case 'tool_result':
        this.#result(event.data);
        break;
      case 'message_end':
        this.#closeMessage(event.data.messageId);
        break;
      case 'custom':
        this.#send('CUSTOM', { name: event.data.name ?? 'custom', value: event.data.data });
        break;
      case 'state':
        this.#state(event.data);
        break;
      case 'interrupt':
        this.#know({ interrupts: [...this.run.interrupts, interruptOf(event.data)] });
        break;
      case 'done':
        this.#done(event.data);
        break;
      case 'error':
        this.#send('RUN_ERROR', { message: event.data.message, code: event.data.code });
        break;
      case 'cancelled':
        this.#cancelled(event.data.by);
        break;
      default:
      // `accepted` and `started` say nothing, and neither does an event of a newer worker
    }
  }

  #text({ data, quoted }: ReadEvent<'text'>): void {
    if (data.text === '') return;
    const messageId = this.#messageOf(data);
    this.#closeReasoning(messageId);
    let open = this.run.texts.get(messageId);
    if (open === undefined) {
      open = this.#begin(messageId, '');
      this.#know({ texts: withEntry(this.run.texts, messageId, open) });
      this.#send('TEXT_MESSAGE_START', { messageId: open, role: 'assistant' });
    }
    this.frames.push(frameAround(contentOf(open), quoted, 0));
  }

  #reasoning({ data }: ReadEvent<'reasoning'>): void {
    if (data.text === '') return;
    const messageId = this.#messageOf(data);
    let open = this.run.reasonings.get(messageId);
    if (open === undefined) {
      open = this.#begin(messageId, '-reasoning');
      this.#know({ reasonings: withEntry(this.run.reasonings, messageId, open) });
      this.#send('REASONING_START', { messageId: open });
      this.#send('REASONING_MESSAGE_START', { messageId: open, role: 'reasoning' });
    }
    this.#send('REASONING_MESSAGE_CONTENT', { messageId: open, delta: data.text });
  }

  #beginCall({ callId, name, messageId }: StreamEventData['tool_call_start']): void {
    if (this.run.calls.has(callId)) return;
    const parent = this.#messageOf({ messageId });
    this.#closeReasoning(parent);
    this.#know({ calls: withEntry(this.run.calls, callId, false) });
    // the text of the message that calls: its first one has the id of the message
    this.#send('TOOL_CALL_START', { toolCallId: callId, toolCallName: name, parentMessageId: parent });
  }

  #callArguments({ data }: ReadEvent<'tool_call_delta'>): void {
    const { callId, arguments: delta } = data;
    if (delta === '' || !this.run.calls.has(callId)) return;
    if (this.run.calls.get(callId) === false) this.#know({ calls: withEntry(this.run.calls, callId, true) });
    this.#send('TOOL_CALL_ARGS', { toolCallId: callId, delta });
  }

  #endCall(call: StreamEventData['tool_call']): void {
    const { callId } = call;
    this.#beginCall(call);
    if (this.run.calls.get(callId) === false)
      this.#send('TOOL_CALL_ARGS', { toolCallId: callId, delta: call.arguments });
    this.#closeCall(callId);
    this.#know({ pending: new Set(this.run.pending).add(callId) });
  }

  #result({ callId, content }: StreamEventData['tool_result']): void {
    const pending = new Set(this.run.pending);
    pending.delete(callId);
    this.#know({ pending });
    this.#send('TOOL_CALL_RESULT', { messageId: `${callId}-result`, toolCallId: callId, content, role: 'tool' });
  }

  #state({ mode, data, namespace = [] }: StreamEventData['state']): void {
    if (mode !== 'values' || namespace.length > 0) return;
    const state = withoutMessages(data);
    const before = this.run.snapshot;
    this.#know({ snapshot: state });
    const patch = isObject(before) && isObject(state) ? jsonPatch.compare(before, state) : null;
    if (patch?.length === 0) return;
    if (patch !== null && JSON.stringify(patch).length < JSON.stringify(state).length) {
      this.#send('STATE_DELTA', { delta: patch });
    } else {
      this.#send('STATE_SNAPSHOT', { snapshot: state });
    }
  }

  #done({ finishReason, usage }: StreamEventData['done']): void {
    this.#closeAll();
    const { interrupts, pending } = this.run;
    const [provider, ...model] = this.job.model.split(':');
    const told = { provider, model: model.join(':'), inputTokens: usage.inputTokens, outputTokens: usage.outputTokens };
    this.#send('RUN_FINISHED', {
      ...this.#names(),
      ...(finishReason === 'interrupt' && interrupts.length > 0 ? { outcome: { type: 'interrupt', interrupts } } : {}),
      ...(this.version === '1.0' && finishReason !== 'interrupt' ? { outcome: successOf(finishReason, pending) } : {}),
      ...(this.version === '1.0' ? { usage: [told] } : {}),
    });
  }

  /** A run that was cancelled is no success: older clients have an error alone for that. */
  #cancelled(by: string): void {
    if (this.version !== '1.0') {
      this.#send('RUN_ERROR', { message: `The run was cancelled (${by}).`, code: 'CANCELLED' });
      return;
    }
    this.#closeAll();
    this.#send('RUN_FINISHED', { ...this.#names(), outcome: { type: 'cancelled' } });
  }

  #closeAll(): void {
    for (const messageId of this.run.reasonings.keys()) this.#closeReasoning(messageId);
    for (const messageId of this.run.texts.keys()) this.#closeText(messageId);
    for (const callId of this.run.calls.keys()) this.#closeCall(callId);
  }

  #closeMessage(messageId: string): void {
    this.#closeReasoning(messageId);
    this.#closeText(messageId);
  }

  #closeText(messageId: string): void {
    const open = this.run.texts.get(messageId);
    if (open === undefined) return;
    this.#know({ texts: withoutEntry(this.run.texts, messageId) });
    this.#send('TEXT_MESSAGE_END', { messageId: open });
  }

  #closeReasoning(messageId: string): void {
    const open = this.run.reasonings.get(messageId);
    if (open === undefined) return;
    this.#know({ reasonings: withoutEntry(this.run.reasonings, messageId) });
    this.#send('REASONING_MESSAGE_END', { messageId: open });
    this.#send('REASONING_END', { messageId: open });
  }

  #closeCall(callId: string): void {
    this.#know({ calls: withoutEntry(this.run.calls, callId) });
    this.#send('TOOL_CALL_END', { toolCallId: callId });
  }

  /** @returns the id on the wire of a new text or reasoning of a message */
  #begin(messageId: string, kind: '' | '-reasoning'): string {
    const key = `${messageId}${kind}`;
    const times = (this.run.begun.get(key) ?? 0) + 1;
    this.#know({ begun: withEntry(this.run.begun, key, times) });
    return times === 1 ? key : `${key}-${times}`;
  }

  #messageOf({ messageId }: { messageId?: string | undefined }): string {
    return messageId ?? this.run.current ?? this.job.id;
  }

  #names(): { readonly threadId: string; readonly runId: string } {
    const { id, threadId } = this.job;
    return { threadId: threadId ?? id, runId: id };
  }

  #know(news: Partial<Run>): void {
    this.run = { ...this.run, ...news };
  }

  #send(type: string, fields: object): void {
    this.frames.push(frameOf(type, fields));
  }
}

function frameOf(type: string, fields: object): string {
  return `data: ${JSON.stringify({ type, ...fields })}\n\n`;
}

/** Text is copied, not written anew. */
function contentOf(messageId: string): Continuation<Run> {
  const before = `data: {"type":"TEXT_MESSAGE_CONTENT","messageId":${JSON.stringify(messageId)},"delta":"`;
  return { beforeNumber: null, before, after: '"}\n\n' };
}

function successOf(finishReason: string, pending: ReadonlySet<string>) {
  const ids = finishReason === 'tool_calls' ? [...pending] : [];
  return { type: 'success', ...(ids.length === 0 ? {} : { pendingToolCallIds: ids }) };
}

function interruptOf({ interruptId, value, node }: StreamEventData['interrupt']): AgUiInterrupt {
  return {
    id: interruptId,
    reason: 'input_required',
    ...(typeof value === 'string' ? { message: value } : {}),
    metadata: { value, ...(node === undefined ? {} : { node }) },
  };
}

/** The messages of a state are told as messages. */
function withoutMessages(state: unknown): unknown {
  if (!isObject(state) || Array.isArray(state)) return state;
  const { messages: _, ...rest } = state as Record<string, unknown>;
  return rest;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
